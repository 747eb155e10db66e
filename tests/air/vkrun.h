/* SPDX-License-Identifier: MIT */
/*
 * Runs compiled functions on a Vulkan device, for tests and measurements: dispatches of one kernel over buffers, and draws
 * of one vertex + fragment pair over textures. Enables every feature the device has. What the machine lacks is told as a
 * reason, so that the test can skip by name.
 */
#ifndef PVG_TESTS_AIR_VKRUN_H
#define PVG_TESTS_AIR_VKRUN_H

#include "air/air.h"
#include "air/air_abi.h"
#include "air/air_reflect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

struct vk {
    VkInstance instance;
    VkPhysicalDevice phys;
    VkDevice dev;
    VkQueue queue;
    uint32_t family;
    VkCommandPool pool;
    VkPhysicalDeviceMemoryProperties mem;
    VkPhysicalDeviceLimits limits;
    char name[256];
    uint32_t subgroup;      /* width in lanes */
    bool size_control;      /* a subgroup size can be required */
    uint32_t caps;          /* AIR_CAP_* as measured */
    bool loses_loop_values; /* AIR_OPT_KEEP_LOOP_VALUES */
    bool stencil_export, raster_order, fragment_subgroups, null_descriptor;
};

/* Opens the device named in PVG_TEST_GPU (substring), else the first CPU device (lavapipe), else the first. NULL or why not. */
const char *vk_open(struct vk *v);
void vk_close(struct vk *v);

struct vk_buf {
    VkBuffer buf;
    VkDeviceMemory mem;
    void *map;
    size_t bytes;
    uint64_t address;
};

bool vk_buf_new(struct vk *v, struct vk_buf *b, size_t bytes);
void vk_buf_free(struct vk *v, struct vk_buf *b);

struct vk_image {
    VkImage image;
    VkDeviceMemory mem;
    VkImageView view, array_view;
    VkImageView level_view[AIR_MAX_LEVELS]; /* of an image with storage usage */
    VkFormat format;
    VkImageType type;
    VkImageViewType view_type;
    VkImageCreateFlags create_flags;
    uint32_t width, height, depth, layers, levels, samples;
    VkImageUsageFlags usage;
    VkImageAspectFlags aspect;
    VkBufferView buffer_view; /* texture_buffer: bytes in @texels */
    struct vk_buf texels;
};

bool vk_image_new(struct vk *v, struct vk_image *im);
void vk_image_free(struct vk *v, struct vk_image *im);
/* Tightly packed texels of one level, all layers, in and out. The image is left in GENERAL layout. */
bool vk_image_write(struct vk *v, struct vk_image *im, uint32_t level, const void *data, size_t bytes);
bool vk_image_read(struct vk *v, struct vk_image *im, uint32_t level, void *data, size_t bytes);
bool vk_image_clear(struct vk *v, struct vk_image *im, VkClearValue value);

#define VK_RUN_SLOTS 16

/* Resources by Metal index, shared by both stages of a draw. */
struct vk_run {
    struct vk_buf *buf[VK_RUN_SLOTS];
    struct vk_image *tex[VK_RUN_SLOTS];
    VkSampler sampler[VK_RUN_SLOTS];
    uint32_t tg_bytes[VK_RUN_SLOTS]; /* dynamic threadgroup memory by index */
    struct vk_image *input[8];       /* framebuffer fetch */
    /* dispatch */
    uint32_t groups[3], local[3];
    uint32_t threads[3]; /* non-zero: dispatchThreads, overrides groups */
    uint32_t repeat;     /* dispatches recorded back to back, 0 = 1 */
    double *ms;          /* out: time of the submission, or NULL */
    /* draw */
    struct vk_image *color[8], *depth;
    uint32_t vertices, instances;
    VkPrimitiveTopology topology;
    VkFrontFace front;
    VkCullModeFlags cull;
    VkCompareOp depth_op;
    VkFormat attr_format[32];
    uint32_t attr_offset[32], stride;
    struct vk_buf *vertex_buf, *index_buf; /* indices: u32 */
    bool dual_source;
    uint32_t first_vertex, first_instance, first_index;
    int32_t base_vertex;
    uint32_t viewports;       /* that many columns side by side, 0: the whole picture */
    bool stencil_replace;     /* the stencil value that the fragment function gives is stored */
    /*
     * Framebuffer fetch: a render pass whose colour attachments are its input attachments too. @draws draws with a
     * barrier between them; @ordered: overlapping fragments of one draw read each other's result (Metal's rule), which
     * takes VK_EXT_rasterization_order_attachment_access.
     */
    bool fetch, ordered;
    uint32_t draws;
    const struct air_result *object; /* object function of a mesh pipeline; groups and local are its or the mesh's */
    const struct vk_patches *patches;
};

/* Tessellation: the two stages that air_tess_make() adds in front of a post-tessellation vertex function. */
struct vk_patches {
    const uint32_t *vertex, *control;
    size_t vertex_words, control_words;
    uint32_t points; /* control points of a patch */
    struct vk_buf *factors;
    float scale;
    uint32_t instance_stride, patch_start;
};

struct vk_mod {
    struct air_result r;
    VkShaderModule mod;
};

/*
 * With PVG_TEST_NAMES in the environment kernels are not run: what they declare is appended to the file of that name, for
 * families.sh. True: so it was.
 */
bool vk_only_names(const char *text);
bool vk_dispatch(struct vk *v, const struct air_result *fn, const struct vk_run *run, char *why, size_t max);
/*
 * The kernel @k of an LLVM text, assembled, compiled and dispatched. Unless it ran, @why says how far it came and what was
 * wrong. @check, where given, looks at the compiled function first: NULL or what is wrong with it.
 */
enum vk_text { VK_TEXT_RAN, VK_TEXT_NOT_ASSEMBLED, VK_TEXT_REFUSED, VK_TEXT_FAILED };
enum vk_text vk_run_text(struct vk *v, const char *text, const struct air_options *o, const struct vk_run *run,
                         const char *(*check)(const struct air_result *), char *why, size_t max);
/* Whether the text ran and gave the @n words wanted; says under @label why it did not run, or the first word that differs. */
bool vk_text_gave(enum vk_text how, const char *why, const char *label, const uint32_t *got, const uint32_t *want, unsigned n);
bool vk_draw(struct vk *v, const struct air_result *vs, struct air_result *fs, const struct vk_run *run, char *why, size_t max);
/* Only create the pipeline, with the layout the reflection asks for. */
bool vk_pipeline_only(struct vk *v, const struct air_result *fn, const uint32_t local[3], char *why, size_t max);
VkSampler vk_sampler(struct vk *v, uint64_t word);

/* Options for this device; @emulate: guest SIMD width 32 on a narrower device. */
void vk_options(const struct vk *v, struct air_options *o);

#endif
