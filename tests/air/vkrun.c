/* SPDX-License-Identifier: MIT */
/*
 * Vulkan device, buffers, descriptor sets and kernel dispatch for the tests: see vkrun.h. Images and draws are in vkdraw.c.
 * Everything is made for one call and freed after it; speed does not matter here.
 */
#include "vkint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool has_ext(VkPhysicalDevice p, const char *name)
{
    uint32_t n = 0;
    VkExtensionProperties *e;
    bool found = false;

    vkEnumerateDeviceExtensionProperties(p, NULL, &n, NULL);
    e = calloc(n + 1, sizeof(*e));
    vkEnumerateDeviceExtensionProperties(p, NULL, &n, e);
    for (uint32_t i = 0; i < n; i++)
        found = found || !strcmp(e[i].extensionName, name);
    free(e);
    return found;
}

static bool pick(struct vk *v)
{
    VkPhysicalDevice all[16];
    uint32_t n = 16;
    const char *want = getenv("PVG_TEST_GPU");
    VkPhysicalDevice first = NULL;

    vkEnumeratePhysicalDevices(v->instance, &n, all);
    for (uint32_t i = 0; i < n; i++) {
        VkPhysicalDeviceProperties p;

        vkGetPhysicalDeviceProperties(all[i], &p);
        if (p.apiVersion < VK_API_VERSION_1_3)
            continue;
        if (!first)
            first = all[i];
        if (want ? strstr(p.deviceName, want) != NULL : p.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU) {
            v->phys = all[i];
            return true;
        }
    }
    v->phys = want ? NULL : first;
    return v->phys != NULL;
}

const char *vk_open(struct vk *v)
{
    VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_3};
    VkInstanceCreateInfo ici = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &app};
    VkPhysicalDeviceShaderAtomicFloatFeaturesEXT af = {.sType =
                                                           VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_FEATURES_EXT};
    VkPhysicalDeviceMeshShaderFeaturesEXT mf = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MESH_SHADER_FEATURES_EXT};
    VkPhysicalDeviceFragmentShaderBarycentricFeaturesKHR bf = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FRAGMENT_SHADER_BARYCENTRIC_FEATURES_KHR};
    VkPhysicalDeviceRasterizationOrderAttachmentAccessFeaturesEXT of = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RASTERIZATION_ORDER_ATTACHMENT_ACCESS_FEATURES_EXT};
    VkPhysicalDeviceRobustness2FeaturesEXT r2 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT};
    VkPhysicalDeviceShaderImageAtomicInt64FeaturesEXT i64 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_IMAGE_ATOMIC_INT64_FEATURES_EXT};
    VkPhysicalDeviceFragmentShaderInterlockFeaturesEXT lf = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FRAGMENT_SHADER_INTERLOCK_FEATURES_EXT};
    VkPhysicalDeviceVulkan13Features f13 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
    VkPhysicalDeviceVulkan12Features f12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .pNext = &f13};
    VkPhysicalDeviceVulkan11Features f11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &f12};
    VkPhysicalDeviceFeatures2 f = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f11};
    VkPhysicalDeviceSubgroupSizeControlProperties sc = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
                                               .pNext = &sc};
    VkPhysicalDeviceSubgroupProperties sg = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
                                             .pNext = &driver};
    VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &sg};
    VkQueueFamilyProperties q[16];
    uint32_t nq = 16, next = 0;
    float prio = 1;
    const char *exts[16];
    bool atomic_float, mesh, bary, order, stencil, lock, robust2, image64;
    static VkInstance kept;

    memset(v, 0, sizeof(*v));
    /* Keeps the driver loaded: what it holds for good in variables of its own, ASan would count as lost without it. */
    if (!kept)
        (void)vkCreateInstance(&ici, NULL, &kept);
    if (vkCreateInstance(&ici, NULL, &v->instance))
        return "no Vulkan instance";
    if (!pick(v)) {
        vkDestroyInstance(v->instance, NULL);
        return "no Vulkan 1.3 device";
    }
    atomic_float = has_ext(v->phys, "VK_EXT_shader_atomic_float");
    mesh = has_ext(v->phys, VK_EXT_MESH_SHADER_EXTENSION_NAME);
    bary = has_ext(v->phys, VK_KHR_FRAGMENT_SHADER_BARYCENTRIC_EXTENSION_NAME);
    order = has_ext(v->phys, VK_EXT_RASTERIZATION_ORDER_ATTACHMENT_ACCESS_EXTENSION_NAME);
    robust2 = has_ext(v->phys, VK_EXT_ROBUSTNESS_2_EXTENSION_NAME);
    image64 = has_ext(v->phys, VK_EXT_SHADER_IMAGE_ATOMIC_INT64_EXTENSION_NAME);
    stencil = has_ext(v->phys, VK_EXT_SHADER_STENCIL_EXPORT_EXTENSION_NAME);
    lock = has_ext(v->phys, VK_EXT_FRAGMENT_SHADER_INTERLOCK_EXTENSION_NAME);
    void **tail = &f13.pNext;
#define CHAIN(has, name, st)                                                                                           \
    if (has) {                                                                                                         \
        exts[next++] = (name);                                                                                         \
        *tail = &(st);                                                                                                 \
        tail = &(st).pNext;                                                                                            \
    }
    CHAIN(atomic_float, VK_EXT_SHADER_ATOMIC_FLOAT_EXTENSION_NAME, af)
    CHAIN(mesh, VK_EXT_MESH_SHADER_EXTENSION_NAME, mf)
    CHAIN(bary, VK_KHR_FRAGMENT_SHADER_BARYCENTRIC_EXTENSION_NAME, bf)
    CHAIN(order, VK_EXT_RASTERIZATION_ORDER_ATTACHMENT_ACCESS_EXTENSION_NAME, of)
    CHAIN(robust2, VK_EXT_ROBUSTNESS_2_EXTENSION_NAME, r2)
    CHAIN(image64, VK_EXT_SHADER_IMAGE_ATOMIC_INT64_EXTENSION_NAME, i64)
    CHAIN(lock, VK_EXT_FRAGMENT_SHADER_INTERLOCK_EXTENSION_NAME, lf)
#undef CHAIN
    if (stencil)
        exts[next++] = VK_EXT_SHADER_STENCIL_EXPORT_EXTENSION_NAME;
    vkGetPhysicalDeviceFeatures2(v->phys, &f);
    vkGetPhysicalDeviceProperties2(v->phys, &p);
    vkGetPhysicalDeviceMemoryProperties(v->phys, &v->mem);
    snprintf(v->name, sizeof(v->name), "%s", p.properties.deviceName);
    v->limits = p.properties.limits;
    v->subgroup = sg.subgroupSize;
    v->loses_loop_values =
        driver.driverID == VK_DRIVER_ID_MESA_LLVMPIPE && p.properties.driverVersion < VK_MAKE_VERSION(25, 0, 0);
    v->size_control = f13.subgroupSizeControl && sc.minSubgroupSize <= 32 && sc.maxSubgroupSize >= 32 &&
                      sc.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT;
    f.features.robustBufferAccess = VK_FALSE; /* costs nothing in the tests, hides errors */
    f12.bufferDeviceAddressCaptureReplay = VK_FALSE;
    vkGetPhysicalDeviceQueueFamilyProperties(v->phys, &nq, q);
    v->family = UINT32_MAX;
    for (uint32_t i = 0; i < nq; i++) {
        if ((q[i].queueFlags & (VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT)) ==
                (VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT) && v->family == UINT32_MAX)
            v->family = i;
    }
    if (v->family == UINT32_MAX)
        return "no graphics queue";
    mf.primitiveFragmentShadingRateMeshShader = VK_FALSE; /* would need another extension */
    r2.robustBufferAccess2 = r2.robustImageAccess2 = VK_FALSE;
    v->null_descriptor = robust2 && r2.nullDescriptor;
    v->stencil_export = stencil;
    v->raster_order = order && of.rasterizationOrderColorAttachmentAccess;
    v->fragment_subgroups = sg.supportedStages & VK_SHADER_STAGE_FRAGMENT_BIT;
    VkDeviceQueueCreateInfo qci = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                   .queueFamilyIndex = v->family,
                                   .queueCount = 1,
                                   .pQueuePriorities = &prio};
    VkDeviceCreateInfo dci = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                              .pNext = &f,
                              .queueCreateInfoCount = 1,
                              .pQueueCreateInfos = &qci,
                              .enabledExtensionCount = next,
                              .ppEnabledExtensionNames = exts};
    if (vkCreateDevice(v->phys, &dci, NULL, &v->dev)) {
        vkDestroyInstance(v->instance, NULL);
        return "no Vulkan device";
    }
    vkGetDeviceQueue(v->dev, v->family, 0, &v->queue);
    VkCommandPoolCreateInfo pci = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                   .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                   .queueFamilyIndex = v->family};
    vkCreateCommandPool(v->dev, &pci, NULL, &v->pool);

#define CAP(cond, bit) v->caps |= (cond) ? (bit) : 0
    CAP(f12.shaderInt8, AIR_CAP_INT8);
    CAP(f.features.shaderInt16, AIR_CAP_INT16);
    CAP(f.features.shaderInt64, AIR_CAP_INT64);
    CAP(f12.shaderFloat16, AIR_CAP_FLOAT16);
    CAP(f12.storageBuffer8BitAccess && f12.uniformAndStorageBuffer8BitAccess, AIR_CAP_STORAGE8);
    CAP(f11.storageBuffer16BitAccess, AIR_CAP_STORAGE16);
    CAP(f12.shaderSubgroupExtendedTypes, AIR_CAP_SUBGROUP_EXTENDED);
    CAP(f.features.shaderResourceMinLod, AIR_CAP_MIN_LOD);
    CAP(f.features.shaderImageGatherExtended, AIR_CAP_GATHER_EXTENDED);
    CAP(f.features.shaderStorageImageReadWithoutFormat, AIR_CAP_STORAGE_READ_ANY);
    CAP(f.features.shaderStorageImageWriteWithoutFormat, AIR_CAP_STORAGE_WRITE_ANY);
    CAP(f12.bufferDeviceAddress, AIR_CAP_PHYSICAL);
    CAP(f12.shaderBufferInt64Atomics, AIR_CAP_ATOMIC_INT64);
    CAP(atomic_float && af.shaderBufferFloat32AtomicAdd, AIR_CAP_ATOMIC_FLOAT_ADD);
    CAP(f.features.imageCubeArray, AIR_CAP_CUBE_ARRAY);
    CAP(f.features.shaderStorageImageMultisample, AIR_CAP_MS_STORAGE);
    CAP(f.features.shaderClipDistance, AIR_CAP_CLIP_DISTANCE);
    CAP(f12.shaderOutputLayer && f12.shaderOutputViewportIndex, AIR_CAP_LAYER_OUTPUT);
    CAP(f13.shaderDemoteToHelperInvocation, AIR_CAP_DEMOTE);
    CAP(f.features.sampleRateShading, AIR_CAP_SAMPLE_RATE);
    CAP(f.features.tessellationShader, AIR_CAP_TESSELLATION);
    CAP(f.features.geometryShader, AIR_CAP_GEOMETRY);
    CAP(mesh && mf.meshShader && mf.taskShader, AIR_CAP_MESH);
    CAP(lock && lf.fragmentShaderPixelInterlock, AIR_CAP_INTERLOCK);
    CAP(bary && bf.fragmentShaderBarycentric, AIR_CAP_BARYCENTRIC);
    CAP(f12.shaderSampledImageArrayNonUniformIndexing && f12.shaderStorageImageArrayNonUniformIndexing &&
            f12.shaderUniformTexelBufferArrayNonUniformIndexing && f12.shaderStorageTexelBufferArrayNonUniformIndexing,
        AIR_CAP_NON_UNIFORM);
    CAP(image64 && i64.shaderImageInt64Atomics, AIR_CAP_IMAGE_INT64);
#undef CAP
    if (getenv("PVG_TEST_CAPS_OFF")) /* play a device that lacks these bits of enum air_cap */
        v->caps &= ~(uint32_t)strtoul(getenv("PVG_TEST_CAPS_OFF"), NULL, 0);
    return NULL;
}

void vk_close(struct vk *v)
{
    vkDestroyCommandPool(v->dev, v->pool, NULL);
    vkDestroyDevice(v->dev, NULL);
    vkDestroyInstance(v->instance, NULL);
}

void vk_options(const struct vk *v, struct air_options *o)
{
    memset(o, 0, sizeof(*o));
    o->size = sizeof(*o);
    o->caps = v->caps;
    o->simd_width = v->subgroup >= 32 || v->size_control ? 32 : v->subgroup;
    o->flags = v->loses_loop_values ? AIR_OPT_KEEP_LOOP_VALUES : 0;
}

uint32_t vk_memory_type(struct vk *v, uint32_t bits, VkMemoryPropertyFlags want)
{
    for (uint32_t i = 0; i < v->mem.memoryTypeCount; i++) {
        if (bits >> i & 1 && (v->mem.memoryTypes[i].propertyFlags & want) == want)
            return i;
    }
    return UINT32_MAX;
}

bool vk_buf_new(struct vk *v, struct vk_buf *b, size_t bytes)
{
    VkBufferCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                             .size = (bytes + 255) & ~(size_t)255,
                             .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                      VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_VERTEX_BUFFER_BIT |
                                      VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT | VK_BUFFER_USAGE_STORAGE_TEXEL_BUFFER_BIT |
                                      VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT};
    VkMemoryRequirements r;
    VkMemoryAllocateFlagsInfo fl = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                    .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    VkMemoryAllocateInfo ai = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .pNext = &fl};
    VkBufferDeviceAddressInfo da = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO};

    memset(b, 0, sizeof(*b));
    b->bytes = bytes;
    if (vkCreateBuffer(v->dev, &ci, NULL, &b->buf))
        return false;
    vkGetBufferMemoryRequirements(v->dev, b->buf, &r);
    ai.allocationSize = r.size;
    ai.memoryTypeIndex = vk_memory_type(v, r.memoryTypeBits, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                                                 VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    if (vkAllocateMemory(v->dev, &ai, NULL, &b->mem) || vkBindBufferMemory(v->dev, b->buf, b->mem, 0) ||
        vkMapMemory(v->dev, b->mem, 0, VK_WHOLE_SIZE, 0, &b->map))
        return false;
    memset(b->map, 0, r.size < ci.size ? r.size : ci.size);
    da.buffer = b->buf;
    b->address = vkGetBufferDeviceAddress(v->dev, &da);
    return true;
}

void vk_buf_free(struct vk *v, struct vk_buf *b)
{
    vkDestroyBuffer(v->dev, b->buf, NULL);
    vkFreeMemory(v->dev, b->mem, NULL);
    memset(b, 0, sizeof(*b));
}

static VkSamplerAddressMode address_mode(unsigned a)
{
    switch (a) {
    case 1:
        return VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE;
    case 2:
        return VK_SAMPLER_ADDRESS_MODE_REPEAT;
    case 3:
        return VK_SAMPLER_ADDRESS_MODE_MIRRORED_REPEAT;
    default:
        return VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_BORDER;
    }
}

VkSampler vk_sampler(struct vk *v, uint64_t word)
{
    static const VkCompareOp ops[] = {VK_COMPARE_OP_NEVER,   VK_COMPARE_OP_LESS,    VK_COMPARE_OP_LESS_OR_EQUAL,
                                      VK_COMPARE_OP_GREATER, VK_COMPARE_OP_GREATER_OR_EQUAL, VK_COMPARE_OP_EQUAL,
                                      VK_COMPARE_OP_NOT_EQUAL, VK_COMPARE_OP_ALWAYS, VK_COMPARE_OP_NEVER};
    struct air_sampler_state s;
    VkSampler out = NULL;

    air_sampler_decode(word, &s);
    VkSamplerCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO,
                              .magFilter = s.mag ? VK_FILTER_LINEAR : VK_FILTER_NEAREST,
                              .minFilter = s.min ? VK_FILTER_LINEAR : VK_FILTER_NEAREST,
                              .mipmapMode = s.mip == 2 ? VK_SAMPLER_MIPMAP_MODE_LINEAR : VK_SAMPLER_MIPMAP_MODE_NEAREST,
                              .addressModeU = address_mode(s.address[0]),
                              .addressModeV = address_mode(s.address[1]),
                              .addressModeW = address_mode(s.address[2]),
                              .compareEnable = s.compare >= 1 && s.compare <= 7,
                              .compareOp = s.compare <= 8 ? ops[s.compare] : VK_COMPARE_OP_NEVER,
                              .minLod = s.lod_min,
                              .maxLod = s.mip ? s.lod_max : 0.25f,
                              .borderColor = s.border == 1   ? VK_BORDER_COLOR_FLOAT_OPAQUE_BLACK
                                             : s.border == 2 ? VK_BORDER_COLOR_FLOAT_OPAQUE_WHITE
                                                             : VK_BORDER_COLOR_FLOAT_TRANSPARENT_BLACK};

    (void)vkCreateSampler(v->dev, &ci, NULL, &out); /* NULL shows in the caller's descriptor write */
    return out;
}

/* ---- descriptors ---- */

static void add_array(struct desc *d, uint32_t set, uint32_t binding, VkDescriptorType type, uint32_t count,
                      VkShaderStageFlags stage)
{
    if (d->n < ARRAY_LEN(d->b)) {
        d->b[d->n].set = set;
        d->b[d->n].lb = (VkDescriptorSetLayoutBinding){.binding = binding, .descriptorType = type,
                                                       .descriptorCount = count, .stageFlags = stage};
        d->n++;
    }
}

void desc_add(struct desc *d, uint32_t set, uint32_t binding, VkDescriptorType type, VkShaderStageFlags stage)
{
    add_array(d, set, binding, type, 1, stage);
}

static VkDescriptorType texture_type(const struct air_reflect_arg *a)
{
    bool st = a->flags & AIR_ARG_STORAGE;

    if (a->texture == AIR_TEXTURE_BUFFER)
        return st ? VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER : VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
    return st ? VK_DESCRIPTOR_TYPE_STORAGE_IMAGE : VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE;
}

/* Bindings that one function declares. */
void desc_collect(struct desc *d, const struct air_result *fn, VkShaderStageFlags stage)
{
    const void *r = fn->reflection;
    const struct air_reflect_header *h = r;

    for (uint32_t i = 0; i < h->args.count; i++) {
        const struct air_reflect_arg *a = air_reflect_arg(r, i);

        if (!(a->flags & AIR_ARG_USED) || a->space == 3)
            continue;
        if (a->kind == AIR_KIND_BUFFER || a->kind == AIR_KIND_INDIRECT_BUFFER)
            desc_add(d, a->set, a->binding, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, stage);
        else if (a->kind == AIR_KIND_SAMPLER)
            add_array(d, a->set, a->binding, VK_DESCRIPTOR_TYPE_SAMPLER, a->count, stage);
        if (a->kind != AIR_KIND_TEXTURE)
            continue;
        if (!(a->flags & (AIR_ARG_CUBE_ONLY_ARRAY | AIR_ARG_QUERY_ONLY)))
            add_array(d, a->set, a->binding, texture_type(a), a->count * a->levels, stage);
        if (a->flags & AIR_ARG_CUBE_ARRAY)
            add_array(d, a->set, AIR_BIND_CUBE_ARRAY + a->index, VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, a->count, stage);
        if (a->flags & AIR_ARG_QUERY)
            add_array(d, a->set, AIR_BIND_QUERY + a->index, VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, a->count, stage);
    }
    for (uint32_t i = 0; i < h->samplers.count; i++)
        desc_add(d, air_reflect_sampler(r, i)->set, air_reflect_sampler(r, i)->binding, VK_DESCRIPTOR_TYPE_SAMPLER, stage);
    for (uint32_t i = 0; i < h->inputs.count; i++) {
        if (air_reflect_input(r, i)->kind == AIR_KIND_RENDER_TARGET)
            desc_add(d, AIR_SET_FRAGMENT, AIR_BIND_ATTACHMENT + air_reflect_input(r, i)->index, VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT,
                stage);
    }
    if (h->const_data.count)
        desc_add(d, air_reflect_set(h), AIR_BIND_CONST_DATA, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, stage);
}

bool desc_layout(struct vk *v, struct desc *d)
{
    VkPushConstantRange pr = {VK_SHADER_STAGE_ALL, 0, sizeof(struct air_push)};

    for (uint32_t s = 0; s < 3; s++) {
        VkDescriptorSetLayoutBinding lb[96];
        VkDescriptorSetLayoutCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .pBindings = lb};

        for (uint32_t i = 0; i < d->n; i++) {
            if (d->b[i].set == s)
                lb[ci.bindingCount++] = d->b[i].lb;
        }
        if (vkCreateDescriptorSetLayout(v->dev, &ci, NULL, &d->layout[s]))
            return false;
    }
    VkPipelineLayoutCreateInfo pl = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                     .setLayoutCount = 3,
                                     .pSetLayouts = d->layout,
                                     .pushConstantRangeCount = 1,
                                     .pPushConstantRanges = &pr};
    return vkCreatePipelineLayout(v->dev, &pl, NULL, &d->pipe_layout) == VK_SUCCESS;
}

bool desc_sets(struct vk *v, struct desc *d)
{
    VkDescriptorPoolSize ps[16];
    VkDescriptorPoolCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 3, .pPoolSizes = ps};

    for (uint32_t t = 0; t < 11; t++) {
        ps[ci.poolSizeCount].type = (VkDescriptorType)t;
        ps[ci.poolSizeCount++].descriptorCount = 256;
    }
    if (vkCreateDescriptorPool(v->dev, &ci, NULL, &d->pool))
        return false;
    VkDescriptorSetAllocateInfo ai = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                      .descriptorPool = d->pool,
                                      .descriptorSetCount = 3,
                                      .pSetLayouts = d->layout};
    return vkAllocateDescriptorSets(v->dev, &ai, d->set) == VK_SUCCESS;
}

static void put_at(struct vk *v, struct desc *d, uint32_t set, uint32_t binding, uint32_t element, VkDescriptorType type,
                   struct vk_buf *b, VkImageView view, VkSampler sampler, VkBufferView bv)
{
    VkDescriptorBufferInfo bi = {b ? b->buf : VK_NULL_HANDLE, 0, VK_WHOLE_SIZE};
    VkDescriptorImageInfo ii = {sampler, view, VK_IMAGE_LAYOUT_GENERAL};
    VkWriteDescriptorSet w = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                              .dstSet = d->set[set],
                              .dstBinding = binding,
                              .dstArrayElement = element,
                              .descriptorCount = 1,
                              .descriptorType = type,
                              .pBufferInfo = &bi,
                              .pImageInfo = &ii,
                              .pTexelBufferView = &bv};

    vkUpdateDescriptorSets(v->dev, 1, &w, 0, NULL);
}

void desc_put(struct vk *v, struct desc *d, uint32_t set, uint32_t binding, VkDescriptorType type, struct vk_buf *b,
                VkImageView view, VkSampler sampler, VkBufferView bv)
{
    put_at(v, d, set, binding, 0, type, b, view, sampler, bv);
}

/* Every descriptor of a texture argument, by the rules of air_abi.h. */
static bool put_texture(struct vk *v, struct desc *d, const struct air_reflect_arg *a, const struct vk_run *run, char *why,
                        size_t max)
{
    for (uint32_t e = 0; e < a->count; e++) {
        struct vk_image *t = a->index + e < VK_RUN_SLOTS ? run->tex[a->index + e] : NULL;

        if (!t) {
            snprintf(why, max, "texture %u not given", a->index + e);
            return false;
        }
        if (a->levels > t->levels && !v->null_descriptor && !t->buffer_view) {
            snprintf(why, max, "null descriptors");
            return false;
        }
        for (uint32_t l = 0; l < a->levels && !(a->flags & (AIR_ARG_CUBE_ONLY_ARRAY | AIR_ARG_QUERY_ONLY)); l++)
            put_at(v, d, a->set, a->binding, e * a->levels + l, texture_type(a), NULL,
                   a->flags & AIR_ARG_STORAGE ? (l < t->levels ? t->level_view[l] : VK_NULL_HANDLE) : t->view, NULL,
                   t->buffer_view);
        if (a->flags & AIR_ARG_CUBE_ARRAY)
            put_at(v, d, a->set, AIR_BIND_CUBE_ARRAY + a->index, e, VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, NULL, t->array_view,
                   NULL, NULL);
        if (a->flags & AIR_ARG_QUERY)
            put_at(v, d, a->set, AIR_BIND_QUERY + a->index, e, VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, NULL, t->view, NULL, NULL);
    }
    return true;
}

/* Fill what @fn declares from @run. False with a reason when something is not given. */
bool desc_write(struct vk *v, struct desc *d, const struct air_result *fn, const struct vk_run *run, char *why, size_t max)
{
    const void *r = fn->reflection;
    const struct air_reflect_header *h = r;

    for (uint32_t i = 0; i < h->args.count; i++) {
        const struct air_reflect_arg *a = air_reflect_arg(r, i);

        if (!(a->flags & AIR_ARG_USED) || a->space == 3)
            continue;
        if (a->index >= VK_RUN_SLOTS) {
            snprintf(why, max, "index %u", a->index);
            return false;
        }
        if (a->kind == AIR_KIND_BUFFER || a->kind == AIR_KIND_INDIRECT_BUFFER) {
            if (!run->buf[a->index]) {
                snprintf(why, max, "buffer %u not given", a->index);
                return false;
            }
            desc_put(v, d, a->set, a->binding, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, run->buf[a->index], NULL, NULL, NULL);
        } else if (a->kind == AIR_KIND_SAMPLER) {
            for (uint32_t e = 0; e < a->count && a->index + e < VK_RUN_SLOTS; e++)
                put_at(v, d, a->set, a->binding, e, VK_DESCRIPTOR_TYPE_SAMPLER, NULL, NULL, run->sampler[a->index + e], NULL);
        } else if (a->kind == AIR_KIND_TEXTURE && !put_texture(v, d, a, run, why, max)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < h->samplers.count && d->nsampler < ARRAY_LEN(d->sampler); i++) {
        const struct air_reflect_sampler *s = air_reflect_sampler(r, i);

        d->sampler[d->nsampler] = vk_sampler(v, (uint64_t)s->word[1] << 32 | s->word[0]);
        desc_put(v, d, s->set, s->binding, VK_DESCRIPTOR_TYPE_SAMPLER, NULL, NULL, d->sampler[d->nsampler++], NULL);
    }
    for (uint32_t i = 0; i < h->inputs.count; i++) {
        const struct air_reflect_io *in = air_reflect_input(r, i);

        if (in->kind == AIR_KIND_RENDER_TARGET && run->input[in->index])
            desc_put(v, d, AIR_SET_FRAGMENT, AIR_BIND_ATTACHMENT + in->index, VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT, NULL,
                run->input[in->index]->view, NULL, NULL);
    }
    if (h->const_data.count) {
        uint32_t k = air_reflect_set(h);

        if (!vk_buf_new(v, &d->table[k], h->const_data.count))
            return false;
        memcpy(d->table[k].map, (const uint8_t *)r + h->const_data.offset, h->const_data.count);
        desc_put(v, d, k, AIR_BIND_CONST_DATA, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, &d->table[k], NULL, NULL, NULL);
    }
    return true;
}

bool push_fill(struct vk *v, struct desc *d, const struct vk_run *run, struct air_push *p)
{
    struct air_buffer_entry *e;

    memset(p, 0, sizeof(*p));
    p->sample_count = 1;
    for (unsigned i = 0; i < 3; i++)
        p->threads_per_grid[i] = run->threads[i] ? run->threads[i] : run->groups[i] * run->local[i];
    if (!vk_buf_new(v, &d->addresses, 32 * sizeof(*e)))
        return false;
    e = d->addresses.map;
    for (unsigned i = 0; i < VK_RUN_SLOTS; i++) {
        if (run->buf[i]) {
            e[i].address = run->buf[i]->address;
            e[i].bytes = run->buf[i]->bytes;
        }
    }
    p->buffer_table = d->addresses.address;
    if (run->patches) {
        p->patch_control_points = run->patches->points;
        p->tess_scale = run->patches->scale;
        p->tess_instance_stride = run->patches->instance_stride;
        p->patch_start = run->patches->patch_start;
    }
    return true;
}

void desc_free(struct vk *v, struct desc *d)
{
    for (unsigned i = 0; i < d->nsampler; i++)
        vkDestroySampler(v->dev, d->sampler[i], NULL);
    for (unsigned i = 0; i < ARRAY_LEN(d->table); i++)
        vk_buf_free(v, &d->table[i]);
    vk_buf_free(v, &d->addresses);
    vkDestroyDescriptorPool(v->dev, d->pool, NULL);
    vkDestroyPipelineLayout(v->dev, d->pipe_layout, NULL);
    for (unsigned i = 0; i < 3; i++)
        vkDestroyDescriptorSetLayout(v->dev, d->layout[i], NULL);
}

VkShaderModule make_module(struct vk *v, const struct air_result *fn)
{
    VkShaderModuleCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                   .codeSize = fn->words * 4,
                                   .pCode = fn->spirv};
    VkShaderModule m = NULL;

    (void)vkCreateShaderModule(v->dev, &ci, NULL, &m); /* NULL fails the pipeline below */
    return m;
}

static VkPipeline compute_pipeline(struct vk *v, const struct air_result *fn, VkPipelineLayout layout, const uint32_t local[3],
                                   const uint32_t *tg)
{
    const struct air_reflect_header *h = (const void *)fn->reflection;
    VkSpecializationMapEntry me[3 + VK_RUN_SLOTS];
    uint32_t data[3 + VK_RUN_SLOTS] = {local[0], local[1], local[2]}, n = 3;
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo rs = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO, .requiredSubgroupSize = 32};
    VkPipeline p = NULL;
    VkShaderModule m = make_module(v, fn);

    for (uint32_t i = 0; i < 3; i++)
        me[i] = (VkSpecializationMapEntry){AIR_SPEC_LOCAL_X + i, i * 4, 4};
    for (uint32_t i = 0; tg && i < VK_RUN_SLOTS; i++) {
        data[n] = tg[i] ? tg[i] : 16;
        me[n] = (VkSpecializationMapEntry){AIR_SPEC_TG_LENGTH + i, n * 4, 4};
        n++;
    }
    VkSpecializationInfo si = {n, me, sizeof(data), data};
    VkComputePipelineCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                      .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                .module = m,
                                                .pName = "main",
                                                .pSpecializationInfo = &si},
                                      .layout = layout};

    if (h->simd_width == 32 && v->size_control)
        ci.stage.pNext = &rs;
    if (!m || vkCreateComputePipelines(v->dev, NULL, 1, &ci, NULL, &p))
        p = NULL;
    vkDestroyShaderModule(v->dev, m, NULL);
    return p;
}

VkCommandBuffer cmd_begin(struct vk *v)
{
    VkCommandBufferAllocateInfo ai = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                      .commandPool = v->pool,
                                      .commandBufferCount = 1};
    VkCommandBufferBeginInfo bi = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkCommandBuffer c = NULL;

    if (vkAllocateCommandBuffers(v->dev, &ai, &c) || vkBeginCommandBuffer(c, &bi))
        return NULL;
    return c;
}

bool cmd_run(struct vk *v, VkCommandBuffer c, double *ms)
{
    VkSubmitInfo si = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &c};
    struct timespec a, b;
    bool ok;

    clock_gettime(CLOCK_MONOTONIC, &a);
    ok = vkEndCommandBuffer(c) == VK_SUCCESS && vkQueueSubmit(v->queue, 1, &si, NULL) == VK_SUCCESS &&
         vkQueueWaitIdle(v->queue) == VK_SUCCESS;
    clock_gettime(CLOCK_MONOTONIC, &b);
    if (ms)
        *ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
    vkFreeCommandBuffers(v->dev, v->pool, 1, &c);
    return ok;
}

bool vk_dispatch(struct vk *v, const struct air_result *fn, const struct vk_run *run, char *why, size_t max)
{
    struct desc d = {0};
    VkPipeline p = NULL;
    VkCommandBuffer c;
    struct air_push push;
    bool ok = false;
    uint32_t groups[3];

    snprintf(why, max, "Vulkan call failed");
    for (unsigned i = 0; i < 3; i++)
        groups[i] = run->threads[0] ? (run->threads[i] + run->local[i] - 1) / run->local[i] : run->groups[i];
    desc_collect(&d, fn, VK_SHADER_STAGE_COMPUTE_BIT);
    if (!desc_layout(v, &d) || !desc_sets(v, &d) || !desc_write(v, &d, fn, run, why, max) || !push_fill(v, &d, run, &push))
        goto out;
    p = compute_pipeline(v, fn, d.pipe_layout, run->local, run->tg_bytes);
    if (!p) {
        snprintf(why, max, "pipeline creation failed");
        goto out;
    }
    c = cmd_begin(v);
    if (!c)
        goto out;
    vkCmdBindPipeline(c, VK_PIPELINE_BIND_POINT_COMPUTE, p);
    vkCmdBindDescriptorSets(c, VK_PIPELINE_BIND_POINT_COMPUTE, d.pipe_layout, 0, 3, d.set, 0, NULL);
    vkCmdPushConstants(c, d.pipe_layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), &push);
    for (uint32_t i = 0; i < (run->repeat ? run->repeat : 1); i++)
        vkCmdDispatch(c, groups[0], groups[1], groups[2]);
    ok = cmd_run(v, c, run->ms);
out:
    vkDestroyPipeline(v->dev, p, NULL);
    desc_free(v, &d);
    return ok;
}

bool vk_only_names(const char *text)
{
    const char *file = getenv("PVG_TEST_NAMES");
    FILE *f = file ? fopen(file, "a") : NULL;

    for (const char *at = text; f && (at = strstr(at, "declare ")) && (at = strchr(at, '@'));)
        fprintf(f, "%.*s\n", (int)strcspn(at, "("), at);
    if (f)
        fclose(f);
    return file;
}

enum vk_text vk_run_text(struct vk *v, const char *text, const struct air_options *o, const struct vk_run *run,
                         const char *(*check)(const struct air_result *), char *why, size_t max)
{
    enum vk_text how = VK_TEXT_FAILED;
    struct air_result res = {0};
    const char *bad;
    uint8_t *bc = NULL;
    size_t n;
    char err[512];

    if (vk_only_names(text)) {
        snprintf(why, max, "not run, its names were asked for");
        return VK_TEXT_FAILED;
    }
    if (air_assemble(text, &bc, &n, err, sizeof(err))) {
        snprintf(why, max, "assembler: %s", err);
        return VK_TEXT_NOT_ASSEMBLED;
    }
    if (air_compile(bc, n, "k", o, &res)) {
        snprintf(why, max, "refused %s: %s", air_refuse_name(res.reason), res.error);
        how = VK_TEXT_REFUSED;
    } else if (check && (bad = check(&res))) {
        snprintf(why, max, "%s", bad);
    } else if (!vk_dispatch(v, &res, run, err, sizeof(err))) {
        snprintf(why, max, "failed: %s", err);
    } else {
        how = VK_TEXT_RAN;
    }
    air_result_fini(&res);
    free(bc);
    return how;
}

bool vk_text_gave(enum vk_text how, const char *why, const char *label, const uint32_t *got, const uint32_t *want, unsigned n)
{
    unsigned i = 0;

    while (how == VK_TEXT_RAN && i < n && got[i] == want[i])
        i++;
    if (how != VK_TEXT_RAN)
        printf("%s: %s\n", label, why);
    else if (i < n)
        printf("%s: word %u is %#x, expected %#x\n", label, i, got[i], want[i]);
    return how == VK_TEXT_RAN && i == n;
}

bool vk_pipeline_only(struct vk *v, const struct air_result *fn, const uint32_t local[3], char *why, size_t max)
{
    struct desc d = {0};
    VkPipeline p = NULL;

    desc_collect(&d, fn, VK_SHADER_STAGE_COMPUTE_BIT);
    if (desc_layout(v, &d))
        p = compute_pipeline(v, fn, d.pipe_layout, local, NULL);
    snprintf(why, max, "%s", p ? "" : "pipeline creation failed");
    vkDestroyPipeline(v->dev, p, NULL);
    desc_free(v, &d);
    return p != NULL;
}
