/* SPDX-License-Identifier: MIT */
/* Images and draws for the tests: see vkrun.h. Dynamic rendering, everything in GENERAL layout, one submission per call. */
#include "vkint.h"

#include <stdio.h>
#include <string.h>

static void barrier(VkCommandBuffer c, struct vk_image *im, VkImageLayout from)
{
    VkImageMemoryBarrier b = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                              .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                              .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
                              .oldLayout = from,
                              .newLayout = VK_IMAGE_LAYOUT_GENERAL,
                              .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                              .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                              .image = im->image,
                              .subresourceRange = {im->aspect, 0, VK_REMAINING_MIP_LEVELS, 0, VK_REMAINING_ARRAY_LAYERS}};

    vkCmdPipelineBarrier(c, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1, &b);
}

bool vk_image_new(struct vk *v, struct vk_image *im)
{
    bool cube = im->view_type == VK_IMAGE_VIEW_TYPE_CUBE || im->view_type == VK_IMAGE_VIEW_TYPE_CUBE_ARRAY;

    im->depth = im->depth ? im->depth : 1;
    im->layers = im->layers ? im->layers : 1;
    im->levels = im->levels ? im->levels : 1;
    im->samples = im->samples ? im->samples : 1;
    im->aspect = im->aspect ? im->aspect : VK_IMAGE_ASPECT_COLOR_BIT;
    VkImageCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                            .flags = im->create_flags | (cube ? VK_IMAGE_CREATE_CUBE_COMPATIBLE_BIT : 0),
                            .imageType = im->type,
                            .format = im->format,
                            .extent = {im->width, im->height, im->depth},
                            .mipLevels = im->levels,
                            .arrayLayers = im->layers,
                            .samples = (VkSampleCountFlagBits)im->samples,
                            .usage = im->usage | VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT};
    VkMemoryRequirements r;
    VkMemoryAllocateInfo ai = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    VkCommandBuffer c;

    if (vkCreateImage(v->dev, &ci, NULL, &im->image))
        return false;
    vkGetImageMemoryRequirements(v->dev, im->image, &r);
    ai.allocationSize = r.size;
    ai.memoryTypeIndex = vk_memory_type(v, r.memoryTypeBits, 0);
    if (vkAllocateMemory(v->dev, &ai, NULL, &im->mem) || vkBindImageMemory(v->dev, im->image, im->mem, 0))
        return false;
    VkImageViewCreateInfo vi = {.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
                                .image = im->image,
                                .viewType = im->view_type,
                                .format = im->format,
                                .subresourceRange = {im->aspect, 0, im->levels, 0, im->layers}};
    if (vkCreateImageView(v->dev, &vi, NULL, &im->view))
        return false;
    if (cube) {
        vi.viewType = VK_IMAGE_VIEW_TYPE_2D_ARRAY;
        if (vkCreateImageView(v->dev, &vi, NULL, &im->array_view))
            return false;
    }
    c = cmd_begin(v);
    if (!c)
        return false;
    barrier(c, im, VK_IMAGE_LAYOUT_UNDEFINED);
    return cmd_run(v, c, NULL);
}

void vk_image_free(struct vk *v, struct vk_image *im)
{
    vkDestroyBufferView(v->dev, im->buffer_view, NULL);
    if (im->texels.buf)
        vk_buf_free(v, &im->texels);
    vkDestroyImageView(v->dev, im->view, NULL);
    vkDestroyImageView(v->dev, im->array_view, NULL);
    vkDestroyImage(v->dev, im->image, NULL);
    vkFreeMemory(v->dev, im->mem, NULL);
    memset(im, 0, sizeof(*im));
}

static uint32_t mip(uint32_t x, uint32_t level)
{
    return x >> level ? x >> level : 1;
}

static bool transfer(struct vk *v, struct vk_image *im, uint32_t level, void *data, size_t bytes, bool in)
{
    struct vk_buf b;
    VkCommandBuffer c;
    VkBufferImageCopy r = {.imageSubresource = {im->aspect, level, 0, im->layers},
                           .imageExtent = {mip(im->width, level), mip(im->height, level), mip(im->depth, level)}};
    bool ok;

    if (!vk_buf_new(v, &b, bytes))
        return false;
    if (in)
        memcpy(b.map, data, bytes);
    c = cmd_begin(v);
    if (!c)
        return false;
    if (in)
        vkCmdCopyBufferToImage(c, b.buf, im->image, VK_IMAGE_LAYOUT_GENERAL, 1, &r);
    else
        vkCmdCopyImageToBuffer(c, im->image, VK_IMAGE_LAYOUT_GENERAL, b.buf, 1, &r);
    ok = cmd_run(v, c, NULL);
    if (!in)
        memcpy(data, b.map, bytes);
    vk_buf_free(v, &b);
    return ok;
}

bool vk_image_write(struct vk *v, struct vk_image *im, uint32_t level, const void *data, size_t bytes)
{
    return transfer(v, im, level, (void *)(uintptr_t)data, bytes, true);
}

bool vk_image_read(struct vk *v, struct vk_image *im, uint32_t level, void *data, size_t bytes)
{
    return transfer(v, im, level, data, bytes, false);
}

static VkPipeline graphics_pipeline(struct vk *v, const struct air_result *vs, const struct air_result *fs,
                                    const struct vk_run *run, VkPipelineLayout layout)
{
    const void *r = vs->reflection;
    const struct air_reflect_header *h = r;
    VkShaderModule vm = make_module(v, vs), fm = fs ? make_module(v, fs) : NULL;
    VkPipelineShaderStageCreateInfo st[2] = {{.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                              .stage = VK_SHADER_STAGE_VERTEX_BIT,
                                              .module = vm,
                                              .pName = "main"},
                                             {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                              .stage = VK_SHADER_STAGE_FRAGMENT_BIT,
                                              .module = fm,
                                              .pName = "main"}};
    VkVertexInputAttributeDescription at[32];
    VkVertexInputBindingDescription bi = {0, run->stride ? run->stride : 16, VK_VERTEX_INPUT_RATE_VERTEX};
    VkPipelineVertexInputStateCreateInfo vi = {.sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
                                               .pVertexAttributeDescriptions = at};
    VkPipelineInputAssemblyStateCreateInfo ia = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
                                                 .topology = run->topology};
    struct vk_image *any = run->color[0] ? run->color[0] : run->depth;
    /* Metal's clip space has Y up: negative height (air 4.5) */
    VkViewport vp = {0, (float)any->height, (float)any->width, -(float)any->height, 0, 1};
    VkRect2D sc = {{0, 0}, {any->width, any->height}};
    VkPipelineViewportStateCreateInfo vps = {.sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
                                             .viewportCount = 1, .pViewports = &vp, .scissorCount = 1, .pScissors = &sc};
    VkPipelineRasterizationStateCreateInfo rs = {.sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
                                                 .cullMode = run->cull, .frontFace = run->front, .lineWidth = 1};
    VkPipelineMultisampleStateCreateInfo ms = {.sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
                                               .rasterizationSamples = (VkSampleCountFlagBits)any->samples};
    VkPipelineDepthStencilStateCreateInfo ds = {.sType = VK_STRUCTURE_TYPE_PIPELINE_DEPTH_STENCIL_STATE_CREATE_INFO,
                                                .depthTestEnable = run->depth != NULL, .depthWriteEnable = run->depth != NULL,
                                                .depthCompareOp = run->depth_op};
    VkPipelineColorBlendAttachmentState ba[8];
    VkFormat cf[8];
    VkPipelineColorBlendStateCreateInfo cb = {.sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
                                              .pAttachments = ba};
    VkPipeline p = NULL;

    for (uint32_t i = 0; i < h->inputs.count; i++) {
        const struct air_reflect_io *in = air_reflect_input(r, i);

        if (in->kind == AIR_KIND_VERTEX_INPUT && in->word)
            at[vi.vertexAttributeDescriptionCount++] = (VkVertexInputAttributeDescription){
                in->location, 0, run->attr_format[in->location], run->attr_offset[in->location]};
    }
    if (vi.vertexAttributeDescriptionCount) {
        vi.vertexBindingDescriptionCount = 1;
        vi.pVertexBindingDescriptions = &bi;
    }
    for (uint32_t i = 0; i < 8 && run->color[i]; i++) {
        memset(&ba[i], 0, sizeof(ba[i]));
        ba[i].colorWriteMask = 15;
        if (run->dual_source) { /* dst * second source + first */
            ba[i].blendEnable = VK_TRUE;
            ba[i].srcColorBlendFactor = ba[i].srcAlphaBlendFactor = VK_BLEND_FACTOR_ONE;
            ba[i].dstColorBlendFactor = ba[i].dstAlphaBlendFactor = VK_BLEND_FACTOR_SRC1_COLOR;
        }
        cf[i] = run->color[i]->format;
        cb.attachmentCount++;
    }
    VkPipelineRenderingCreateInfo ri = {.sType = VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO,
                                        .colorAttachmentCount = cb.attachmentCount,
                                        .pColorAttachmentFormats = cf,
                                        .depthAttachmentFormat = run->depth ? run->depth->format : VK_FORMAT_UNDEFINED};
    VkGraphicsPipelineCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
                                       .pNext = &ri,
                                       .stageCount = fs ? 2 : 1,
                                       .pStages = st,
                                       .pVertexInputState = &vi,
                                       .pInputAssemblyState = &ia,
                                       .pViewportState = &vps,
                                       .pRasterizationState = &rs,
                                       .pMultisampleState = &ms,
                                       .pDepthStencilState = &ds,
                                       .pColorBlendState = &cb,
                                       .layout = layout};

    if (vkCreateGraphicsPipelines(v->dev, NULL, 1, &ci, NULL, &p))
        p = NULL;
    vkDestroyShaderModule(v->dev, vm, NULL);
    vkDestroyShaderModule(v->dev, fm, NULL);
    return p;
}

bool vk_draw(struct vk *v, const struct air_result *vs, struct air_result *fs, const struct vk_run *run, char *why, size_t max)
{
    struct desc d = {0};
    VkPipeline p = NULL;
    VkCommandBuffer c;
    struct air_push push;
    bool ok = false;
    VkRenderingAttachmentInfo ca[8], da = {.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
                                           .imageLayout = VK_IMAGE_LAYOUT_GENERAL,
                                           .loadOp = VK_ATTACHMENT_LOAD_OP_LOAD,
                                           .storeOp = VK_ATTACHMENT_STORE_OP_STORE};
    struct vk_image *any = run->color[0] ? run->color[0] : run->depth;
    VkRenderingInfo ri = {.sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
                          .renderArea = {{0, 0}, {any->width, any->height}},
                          .layerCount = 1,
                          .pColorAttachments = ca};
    VkDeviceSize zero = 0;

    snprintf(why, max, "Vulkan call failed");
    if (fs && air_link_varyings(vs->reflection, fs->spirv, fs->words, fs->reflection))
        return false;
    desc_collect(&d, vs, VK_SHADER_STAGE_VERTEX_BIT);
    if (fs)
        desc_collect(&d, fs, VK_SHADER_STAGE_FRAGMENT_BIT);
    if (!desc_layout(v, &d) || !desc_sets(v, &d) || !desc_write(v, &d, vs, run, why, max) ||
        (fs && !desc_write(v, &d, fs, run, why, max)) || !push_fill(v, &d, run, &push))
        goto out;
    p = graphics_pipeline(v, vs, fs, run, d.pipe_layout);
    if (!p) {
        snprintf(why, max, "pipeline creation failed");
        goto out;
    }
    c = cmd_begin(v);
    if (!c)
        goto out;
    for (uint32_t i = 0; i < 8 && run->color[i]; i++) {
        ca[i] = da;
        ca[i].imageView = run->color[i]->view;
        ri.colorAttachmentCount++;
    }
    if (run->depth) {
        da.imageView = run->depth->view;
        ri.pDepthAttachment = &da;
    }
    vkCmdBeginRendering(c, &ri);
    vkCmdBindPipeline(c, VK_PIPELINE_BIND_POINT_GRAPHICS, p);
    vkCmdBindDescriptorSets(c, VK_PIPELINE_BIND_POINT_GRAPHICS, d.pipe_layout, 0, 3, d.set, 0, NULL);
    vkCmdPushConstants(c, d.pipe_layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), &push);
    if (run->vertex_buf)
        vkCmdBindVertexBuffers(c, 0, 1, &run->vertex_buf->buf, &zero);
    vkCmdDraw(c, run->vertices, run->instances ? run->instances : 1, 0, 0);
    vkCmdEndRendering(c);
    ok = cmd_run(v, c, NULL);
out:
    vkDestroyPipeline(v->dev, p, NULL);
    desc_free(v, &d);
    return ok;
}
