/* SPDX-License-Identifier: MIT */
/* Images and draws for the tests: see vkrun.h. Everything in GENERAL layout, one submission per call. */
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
        vi.viewType = im->view_type;
    }
    vi.subresourceRange.levelCount = 1;
    for (uint32_t l = 0; im->usage & VK_IMAGE_USAGE_STORAGE_BIT && l < im->levels; l++) {
        vi.subresourceRange.baseMipLevel = l;
        if (vkCreateImageView(v->dev, &vi, NULL, &im->level_view[l]))
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
    for (uint32_t l = 0; l < AIR_MAX_LEVELS; l++)
        vkDestroyImageView(v->dev, im->level_view[l], NULL);
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

bool vk_image_clear(struct vk *v, struct vk_image *im, VkClearValue value)
{
    VkImageSubresourceRange r = {im->aspect, 0, VK_REMAINING_MIP_LEVELS, 0, VK_REMAINING_ARRAY_LAYERS};
    VkCommandBuffer c = cmd_begin(v);

    if (!c)
        return false;
    if (im->aspect & VK_IMAGE_ASPECT_COLOR_BIT)
        vkCmdClearColorImage(c, im->image, VK_IMAGE_LAYOUT_GENERAL, &value.color, 1, &r);
    else
        vkCmdClearDepthStencilImage(c, im->image, VK_IMAGE_LAYOUT_GENERAL, &value.depthStencil, 1, &r);
    return cmd_run(v, c, NULL);
}

/* What a draw is made of besides its pipeline: dynamic rendering, or a render pass for framebuffer fetch. */
struct pass {
    VkRenderPass pass;
    VkFramebuffer fb;
    VkImageView view[9];
    uint32_t views;
};

static uint32_t color_count(const struct vk_run *run)
{
    uint32_t n = 0;

    while (n < 8 && run->color[n])
        n++;
    return n;
}

/* One subpass, everything in GENERAL layout; colour attachment n is input attachment n. */
static bool pass_new(struct vk *v, const struct vk_run *run, struct pass *p)
{
    VkAttachmentDescription at[8];
    VkAttachmentReference ref[8];
    VkSubpassDescription sub = {.pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
                                .colorAttachmentCount = color_count(run),
                                .pColorAttachments = ref,
                                .inputAttachmentCount = color_count(run),
                                .pInputAttachments = ref};
    VkSubpassDependency dep = {.srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
                               .dstStageMask = VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT,
                               .srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_INPUT_ATTACHMENT_READ_BIT,
                               .dependencyFlags = VK_DEPENDENCY_BY_REGION_BIT};
    VkRenderPassCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
                                 .attachmentCount = color_count(run),
                                 .pAttachments = at,
                                 .subpassCount = 1,
                                 .pSubpasses = &sub,
                                 .dependencyCount = 1,
                                 .pDependencies = &dep};

    if (run->ordered)
        sub.flags = VK_SUBPASS_DESCRIPTION_RASTERIZATION_ORDER_ATTACHMENT_COLOR_ACCESS_BIT_EXT;
    for (uint32_t i = 0; i < color_count(run); i++) {
        at[i] = (VkAttachmentDescription){.format = run->color[i]->format,
                                          .samples = (VkSampleCountFlagBits)run->color[i]->samples,
                                          .loadOp = VK_ATTACHMENT_LOAD_OP_LOAD,
                                          .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
                                          .initialLayout = VK_IMAGE_LAYOUT_GENERAL,
                                          .finalLayout = VK_IMAGE_LAYOUT_GENERAL};
        ref[i] = (VkAttachmentReference){i, VK_IMAGE_LAYOUT_GENERAL};
        p->view[p->views++] = run->color[i]->view;
    }
    if (vkCreateRenderPass(v->dev, &ci, NULL, &p->pass))
        return false;
    VkFramebufferCreateInfo fi = {.sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
                                  .renderPass = p->pass,
                                  .attachmentCount = p->views,
                                  .pAttachments = p->view,
                                  .width = run->color[0]->width,
                                  .height = run->color[0]->height,
                                  .layers = 1};
    return vkCreateFramebuffer(v->dev, &fi, NULL, &p->fb) == VK_SUCCESS;
}

static void pass_free(struct vk *v, struct pass *p)
{
    vkDestroyFramebuffer(v->dev, p->fb, NULL);
    vkDestroyRenderPass(v->dev, p->pass, NULL);
}

static void pass_begin(VkCommandBuffer c, const struct vk_run *run, const struct pass *p)
{
    struct vk_image *any = run->color[0] ? run->color[0] : run->depth;
    VkRenderingAttachmentInfo ca[8], da = {.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
                                           .imageLayout = VK_IMAGE_LAYOUT_GENERAL,
                                           .loadOp = VK_ATTACHMENT_LOAD_OP_LOAD,
                                           .storeOp = VK_ATTACHMENT_STORE_OP_STORE};
    VkRenderingInfo ri = {.sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
                          .renderArea = {{0, 0}, {any->width, any->height}},
                          .layerCount = any->layers,
                          .colorAttachmentCount = color_count(run),
                          .pColorAttachments = ca};
    VkRenderPassBeginInfo bi = {.sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
                                .renderPass = p->pass,
                                .framebuffer = p->fb,
                                .renderArea = ri.renderArea};

    if (p->pass) {
        vkCmdBeginRenderPass(c, &bi, VK_SUBPASS_CONTENTS_INLINE);
        return;
    }
    for (uint32_t i = 0; i < color_count(run); i++) {
        ca[i] = da;
        ca[i].imageView = run->color[i]->view;
    }
    if (run->depth) {
        da.imageView = run->depth->view;
        if (run->depth->aspect & VK_IMAGE_ASPECT_DEPTH_BIT)
            ri.pDepthAttachment = &da;
        if (run->depth->aspect & VK_IMAGE_ASPECT_STENCIL_BIT)
            ri.pStencilAttachment = &da;
    }
    vkCmdBeginRendering(c, &ri);
}

/* A target that the function does not write keeps its contents: Vulkan needs a write mask of 0 for it. */
static bool writes_target(const struct air_result *fs, uint32_t index)
{
    const struct air_reflect_header *h = fs ? (const void *)fs->reflection : NULL;

    for (uint32_t i = 0; h && i < h->outputs.count; i++) {
        const struct air_reflect_io *o = air_reflect_output(h, i);

        if (o->kind == AIR_KIND_RENDER_TARGET && o->index == index)
            return true;
    }
    return false;
}

struct stages {
    VkPipelineShaderStageCreateInfo st[5];
    uint32_t n;
    VkSpecializationMapEntry me[3];
    VkSpecializationInfo si;
};

static void stage_add(struct vk *v, struct stages *s, VkShaderStageFlagBits stage, const uint32_t *words, size_t n)
{
    struct air_result r = {.spirv = (uint32_t *)(uintptr_t)words, .words = n};

    s->st[s->n++] = (VkPipelineShaderStageCreateInfo){.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                      .stage = stage,
                                                      .module = make_module(v, &r),
                                                      .pName = "main"};
}

static void stages_make(struct vk *v, struct stages *s, const struct air_result *vs, const struct air_result *fs,
                        const struct vk_run *run)
{
    const struct air_reflect_header *h = (const void *)vs->reflection;

    memset(s, 0, sizeof(*s));
    for (uint32_t i = 0; i < 3; i++)
        s->me[i] = (VkSpecializationMapEntry){AIR_SPEC_LOCAL_X + i, i * 4, 4};
    s->si = (VkSpecializationInfo){3, s->me, sizeof(run->local), run->local};
    if (h->stage == AIR_STAGE_MESH) {
        if (run->object)
            stage_add(v, s, VK_SHADER_STAGE_TASK_BIT_EXT, run->object->spirv, run->object->words);
        stage_add(v, s, VK_SHADER_STAGE_MESH_BIT_EXT, vs->spirv, vs->words);
        for (uint32_t i = 0; i < s->n; i++)
            s->st[i].pSpecializationInfo = &s->si;
    } else if (h->patch_kind && run->patches) {
        stage_add(v, s, VK_SHADER_STAGE_VERTEX_BIT, run->patches->vertex, run->patches->vertex_words);
        stage_add(v, s, VK_SHADER_STAGE_TESSELLATION_CONTROL_BIT, run->patches->control, run->patches->control_words);
        stage_add(v, s, VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT, vs->spirv, vs->words);
    } else {
        stage_add(v, s, VK_SHADER_STAGE_VERTEX_BIT, vs->spirv, vs->words);
    }
    if (fs)
        stage_add(v, s, VK_SHADER_STAGE_FRAGMENT_BIT, fs->spirv, fs->words);
}

static VkPipeline graphics_pipeline(struct vk *v, const struct air_result *vs, const struct air_result *fs,
                                    const struct vk_run *run, VkPipelineLayout layout, VkRenderPass pass)
{
    const void *r = vs->reflection;
    const struct air_reflect_header *h = r;
    struct stages st;
    VkVertexInputAttributeDescription at[32];
    VkVertexInputBindingDescription bi = {0, run->stride ? run->stride : 16, VK_VERTEX_INPUT_RATE_VERTEX};
    VkPipelineVertexInputStateCreateInfo vi = {.sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
                                               .pVertexAttributeDescriptions = at};
    VkPipelineInputAssemblyStateCreateInfo ia = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
                                                 .topology = run->topology};
    VkPipelineTessellationStateCreateInfo ts = {.sType = VK_STRUCTURE_TYPE_PIPELINE_TESSELLATION_STATE_CREATE_INFO,
                                                .patchControlPoints = run->patches ? run->patches->points : 0};
    struct vk_image *any = run->color[0] ? run->color[0] : run->depth;
    VkViewport vp[4];
    VkRect2D sc[4];
    VkPipelineViewportStateCreateInfo vps = {.sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
                                             .viewportCount = run->viewports ? run->viewports : 1, .pViewports = vp,
                                             .scissorCount = run->viewports ? run->viewports : 1, .pScissors = sc};
    VkPipelineRasterizationStateCreateInfo rs = {.sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
                                                 .cullMode = run->cull, .frontFace = run->front, .lineWidth = 1};
    VkPipelineMultisampleStateCreateInfo ms = {.sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
                                               .rasterizationSamples = (VkSampleCountFlagBits)any->samples};
    bool depth = run->depth && run->depth->aspect & VK_IMAGE_ASPECT_DEPTH_BIT;
    VkStencilOpState so = {.passOp = VK_STENCIL_OP_REPLACE, .compareOp = VK_COMPARE_OP_ALWAYS, .compareMask = 255,
                           .writeMask = 255};
    VkPipelineDepthStencilStateCreateInfo ds = {.sType = VK_STRUCTURE_TYPE_PIPELINE_DEPTH_STENCIL_STATE_CREATE_INFO,
                                                .depthTestEnable = depth, .depthWriteEnable = depth,
                                                .depthCompareOp = run->depth_op,
                                                .stencilTestEnable = run->stencil_replace, .front = so, .back = so};
    VkPipelineColorBlendAttachmentState ba[8];
    VkFormat cf[8];
    VkPipelineColorBlendStateCreateInfo cb = {.sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
                                              .pAttachments = ba};
    VkPipeline p = NULL;

    if (run->ordered)
        cb.flags = VK_PIPELINE_COLOR_BLEND_STATE_CREATE_RASTERIZATION_ORDER_ATTACHMENT_ACCESS_BIT_EXT;
    for (uint32_t i = 0; i < vps.viewportCount; i++) {
        uint32_t w = any->width / vps.viewportCount;

        /* Metal's clip space has Y up: negative height (air 4.5) */
        vp[i] = (VkViewport){(float)(w * i), (float)any->height, (float)w, -(float)any->height, 0, 1};
        sc[i] = (VkRect2D){{(int32_t)(w * i), 0}, {w, any->height}};
    }
    for (uint32_t i = 0; i < h->inputs.count; i++) {
        const struct air_reflect_io *in = air_reflect_input(r, i);

        if ((in->kind == AIR_KIND_VERTEX_INPUT && in->word) || (in->kind == AIR_KIND_PATCH_INPUT && in->word) ||
            (in->kind == AIR_KIND_CONTROL_POINT_INPUT && in->flags & AIR_IO_USED))
            at[vi.vertexAttributeDescriptionCount++] = (VkVertexInputAttributeDescription){
                in->index, 0, run->attr_format[in->index], run->attr_offset[in->index]};
    }
    if (vi.vertexAttributeDescriptionCount) {
        vi.vertexBindingDescriptionCount = 1;
        vi.pVertexBindingDescriptions = &bi;
    }
    for (uint32_t i = 0; i < color_count(run); i++) {
        memset(&ba[i], 0, sizeof(ba[i]));
        ba[i].colorWriteMask = writes_target(fs, i) ? 15 : 0;
        if (run->dual_source) { /* dst * second source + first */
            ba[i].blendEnable = VK_TRUE;
            ba[i].srcColorBlendFactor = ba[i].srcAlphaBlendFactor = VK_BLEND_FACTOR_ONE;
            ba[i].dstColorBlendFactor = VK_BLEND_FACTOR_SRC1_COLOR;
            ba[i].dstAlphaBlendFactor = VK_BLEND_FACTOR_SRC1_ALPHA;
        }
        cf[i] = run->color[i]->format;
        cb.attachmentCount++;
    }
    VkPipelineRenderingCreateInfo ri = {.sType = VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO,
                                        .colorAttachmentCount = cb.attachmentCount,
                                        .pColorAttachmentFormats = cf,
                                        .depthAttachmentFormat = depth ? run->depth->format : VK_FORMAT_UNDEFINED,
                                        .stencilAttachmentFormat =
                                            run->depth && run->depth->aspect & VK_IMAGE_ASPECT_STENCIL_BIT
                                                ? run->depth->format
                                                : VK_FORMAT_UNDEFINED};
    stages_make(v, &st, vs, fs, run);
    VkGraphicsPipelineCreateInfo ci = {.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
                                       .pNext = pass ? NULL : &ri,
                                       .stageCount = st.n,
                                       .pStages = st.st,
                                       .pVertexInputState = &vi,
                                       .pInputAssemblyState = &ia,
                                       .pTessellationState = run->patches ? &ts : NULL,
                                       .pViewportState = &vps,
                                       .pRasterizationState = &rs,
                                       .pMultisampleState = &ms,
                                       .pDepthStencilState = &ds,
                                       .pColorBlendState = &cb,
                                       .layout = layout,
                                       .renderPass = pass};

    if (vkCreateGraphicsPipelines(v->dev, NULL, 1, &ci, NULL, &p))
        p = NULL;
    for (uint32_t i = 0; i < st.n; i++)
        vkDestroyShaderModule(v->dev, st.st[i].module, NULL);
    return p;
}

static void draw(struct vk *v, VkCommandBuffer c, const struct vk_run *run, bool mesh)
{
    uint32_t instances = run->instances ? run->instances : 1;
    VkDeviceSize zero = 0;

    if (mesh) {
        PFN_vkCmdDrawMeshTasksEXT f =
            (PFN_vkCmdDrawMeshTasksEXT)(void (*)(void))vkGetDeviceProcAddr(v->dev, "vkCmdDrawMeshTasksEXT");

        f(c, run->groups[0], run->groups[1], run->groups[2]);
        return;
    }
    if (run->vertex_buf)
        vkCmdBindVertexBuffers(c, 0, 1, &run->vertex_buf->buf, &zero);
    if (run->index_buf) {
        vkCmdBindIndexBuffer(c, run->index_buf->buf, 0, VK_INDEX_TYPE_UINT32);
        vkCmdDrawIndexed(c, run->vertices, instances, run->first_index, run->base_vertex, run->first_instance);
    } else {
        vkCmdDraw(c, run->vertices, instances, run->first_vertex, run->first_instance);
    }
}

bool vk_draw(struct vk *v, const struct air_result *vs, struct air_result *fs, const struct vk_run *run, char *why, size_t max)
{
    const struct air_reflect_header *h = (const void *)vs->reflection;
    struct desc d = {0};
    struct pass ps = {0};
    VkPipeline p = NULL;
    VkCommandBuffer c;
    struct air_push push;
    bool ok = false, mesh = h->stage == AIR_STAGE_MESH;
    VkMemoryBarrier mb = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                          .srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
                          .dstAccessMask = VK_ACCESS_INPUT_ATTACHMENT_READ_BIT};

    snprintf(why, max, "Vulkan call failed");
    if (fs && air_link_fragment(vs->reflection, &fs->spirv, &fs->words, fs->reflection))
        return false;
    desc_collect(&d, vs, mesh          ? VK_SHADER_STAGE_MESH_BIT_EXT
                         : run->patches ? VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT
                                        : VK_SHADER_STAGE_VERTEX_BIT);
    if (run->patches)
        desc_add(&d, AIR_SET_MESH, AIR_BIND_TESS_FACTORS, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                 VK_SHADER_STAGE_TESSELLATION_CONTROL_BIT);
    if (run->object)
        desc_collect(&d, run->object, VK_SHADER_STAGE_TASK_BIT_EXT);
    if (fs)
        desc_collect(&d, fs, VK_SHADER_STAGE_FRAGMENT_BIT);
    if (!desc_layout(v, &d) || !desc_sets(v, &d) || !desc_write(v, &d, vs, run, why, max) ||
        (run->object && !desc_write(v, &d, run->object, run, why, max)) ||
        (fs && !desc_write(v, &d, fs, run, why, max)) || !push_fill(v, &d, run, &push))
        goto out;
    if (run->patches)
        desc_put(v, &d, AIR_SET_MESH, AIR_BIND_TESS_FACTORS, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, run->patches->factors, NULL,
                 NULL, NULL);
    push.sample_count = (run->color[0] ? run->color[0] : run->depth)->samples;
    if (run->fetch && !pass_new(v, run, &ps)) {
        snprintf(why, max, "render pass creation failed");
        goto out;
    }
    p = graphics_pipeline(v, vs, fs, run, d.pipe_layout, ps.pass);
    if (!p) {
        snprintf(why, max, "pipeline creation failed");
        goto out;
    }
    c = cmd_begin(v);
    if (!c)
        goto out;
    pass_begin(c, run, &ps);
    vkCmdBindPipeline(c, VK_PIPELINE_BIND_POINT_GRAPHICS, p);
    vkCmdBindDescriptorSets(c, VK_PIPELINE_BIND_POINT_GRAPHICS, d.pipe_layout, 0, 3, d.set, 0, NULL);
    vkCmdPushConstants(c, d.pipe_layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), &push);
    for (uint32_t i = 0; i < (run->draws ? run->draws : 1); i++) {
        if (i)
            vkCmdPipelineBarrier(c, VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT, VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT,
                                 VK_DEPENDENCY_BY_REGION_BIT, 1, &mb, 0, NULL, 0, NULL);
        draw(v, c, run, mesh);
    }
    if (ps.pass)
        vkCmdEndRenderPass(c);
    else
        vkCmdEndRendering(c);
    ok = cmd_run(v, c, NULL);
out:
    vkDestroyPipeline(v->dev, p, NULL);
    pass_free(v, &ps);
    desc_free(v, &d);
    return ok;
}
