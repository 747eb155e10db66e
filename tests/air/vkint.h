/* SPDX-License-Identifier: MIT */
/* What vkrun.c and vkdraw.c share: descriptors made from reflection records, command buffers. */
#ifndef PVG_TESTS_AIR_VKINT_H
#define PVG_TESTS_AIR_VKINT_H

#include "vkrun.h"
#include "air/air_abi.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct desc {
    struct {
        uint32_t set;
        VkDescriptorSetLayoutBinding lb;
    } b[96];
    uint32_t n;
    VkDescriptorSetLayout layout[3];
    VkPipelineLayout pipe_layout;
    VkDescriptorPool pool;
    VkDescriptorSet set[3];
    VkSampler sampler[32];
    unsigned nsampler;
    struct vk_buf table[3], addresses;
};

void desc_add(struct desc *d, uint32_t set, uint32_t binding, VkDescriptorType type, VkShaderStageFlags stage);
void desc_put(struct vk *v, struct desc *d, uint32_t set, uint32_t binding, VkDescriptorType type, struct vk_buf *b,
              VkImageView view, VkSampler sampler, VkBufferView bv);
void desc_collect(struct desc *d, const struct air_result *fn, VkShaderStageFlags stage);
bool desc_layout(struct vk *v, struct desc *d);
bool desc_sets(struct vk *v, struct desc *d);
bool desc_write(struct vk *v, struct desc *d, const struct air_result *fn, const struct vk_run *run, char *why, size_t max);
bool push_fill(struct vk *v, struct desc *d, const struct vk_run *run, struct air_push *p);
void desc_free(struct vk *v, struct desc *d);
VkShaderModule make_module(struct vk *v, const struct air_result *fn);
VkCommandBuffer cmd_begin(struct vk *v);
bool cmd_run(struct vk *v, VkCommandBuffer c, double *ms);
uint32_t vk_memory_type(struct vk *v, uint32_t bits, VkMemoryPropertyFlags want);

#endif
