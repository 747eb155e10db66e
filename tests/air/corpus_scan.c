/* SPDX-License-Identifier: MIT */
/*
 * References of the corpus' kernels that walk along time or space: state-space models, rwkv, convolutions, and rotations
 * whose positions come in sections.
 */
#include "corpus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void t_ssm_conv(struct env *e, bool options)
{
    enum { NC = 4, NR = 10, NT = 5, NS = 2, W = NC - 1 + NT };
    uint8_t *a;
    float *s, *w, want[NR * NT * NS];

    if (options)
        return;
    s = floats(e, 0, W * NR * NS, -1, 1);
    w = floats(e, 1, NC * NR, -1, 1);
    buffer(e, 2, sizeof(want));
    a = buffer(e, 3, 128);
    const uint64_t v[] = {W, NR, NS, 4, W * 4, W * NR * 4, NC, NR, 4, NC * 4, NR, NT, NS, 4, NR * 4, NR * NT * 4};

    memcpy(a, v, sizeof(v));
    for (int i = 0; i < NR * NT * NS; i++) {
        int r = i % NR, t = i / NR % NT, q = i / NR / NT;
        float sum = 0;

        for (int c = 0; c < NC; c++)
            sum += s[q * W * NR + r * W + t + c] * w[r * NC + c];
        want[i] = sum;
    }
    if (launch(e, NR, NT, NS, 1, 1))
        expect(e, e->b[2].map, want, NR * NT * NS, 1e-5f, 1e-6f);
}

/* kernel_rwkv_wkv6_f32 */
void t_wkv6(struct env *e, bool options)
{
    enum { HS = 64, H = 2, B = 1, T = 3, C = HS * H };
    float *k, *v, *r, *tf, *td, *st, *want;

    if (options)
        return;
    k = floats(e, 0, T * C, -1, 1);
    v = floats(e, 1, T * C, -1, 1);
    r = floats(e, 2, T * C, -1, 1);
    tf = floats(e, 3, C, -1, 1);
    td = floats(e, 4, T * C, 0.2f, 0.9f);
    st = floats(e, 5, C * HS, -1, 1);
    buffer(e, 6, (T * C + C * HS) * 4);
    args_i32(buffer(e, 7, 4), 0, B);
    args_i32(buffer(e, 8, 4), 0, T);
    args_i32(buffer(e, 9, 4), 0, C);
    args_i32(buffer(e, 10, 4), 0, H);
    want = malloc((T * C + C * HS) * 4);
    for (int h = 0; h < H; h++) {
        for (int i = 0; i < HS; i++) {
            float s[HS];

            for (int j = 0; j < HS; j++)
                s[j] = st[h * HS * HS + j * HS + i];
            for (int t = 0; t < T; t++) {
                const int at = t * C + h * HS;
                float y = 0;

                for (int j = 0; j < HS; j++) {
                    float kv = k[at + j] * v[at + i];

                    y += r[at + j] * (tf[h * HS + j] * kv + s[j]);
                    s[j] = s[j] * td[at + j] + kv;
                }
                want[at + i] = y;
            }
            for (int j = 0; j < HS; j++)
                want[T * C + h * HS * HS + j * HS + i] = s[j];
        }
    }
    if (launch(e, B * H, 1, 1, HS, 1))
        expect(e, e->b[6].map, want, T * C + C * HS, 1e-4f, 1e-4f);
    free(want);
}

/* kernel_rwkv_wkv7_f32: state S, row i: S <- S diag(w) + v_i k + (S a) b; y_i = S r */
void t_wkv7(struct env *e, bool options)
{
    enum { HS = 64, H = 2 };
    static const int sizes[][2] = {{1, 1}, {1, 5}, {2, 6}}; /* sequences, tokens of all */

    if (options)
        return;
    for (size_t q = 0; q < sizeof(sizes) / sizeof(sizes[0]) && !e->bad; q++) {
        const int B = sizes[q][0], T = sizes[q][1], C = HS * H, states = B * C * HS;
        const size_t n = (size_t)(T * C), total = n + (size_t)states;
        float *r, *w, *k, *v, *a, *b, *st, *want = malloc(total * 4);
        bool ran;

        r = floats(e, 0, n, -1, 1);
        w = floats(e, 1, n, 0.2f, 0.9f);
        k = floats(e, 2, n, -1, 1);
        v = floats(e, 3, n, -1, 1);
        a = floats(e, 4, n, -0.3f, 0.3f);
        b = floats(e, 5, n, -0.3f, 0.3f);
        st = floats(e, 6, (size_t)states, -1, 1);
        memset(buffer(e, 7, total * 4), 0xff, total * 4);
        args_i32(buffer(e, 8, 4), 0, B);
        args_i32(buffer(e, 9, 4), 0, T);
        args_i32(buffer(e, 10, 4), 0, C);
        args_i32(buffer(e, 11, 4), 0, H);
        for (int row = 0; row < B * C; row++) {
            const int seq = row / C, h = row % C / HS, i = row % HS;
            double s[HS];

            for (int j = 0; j < HS; j++)
                s[j] = (double)st[row * HS + j];
            for (int t = seq * (T / B); t < (seq + 1) * (T / B); t++) {
                const int at = t * C + h * HS;
                double sa = 0, y = 0;

                for (int j = 0; j < HS; j++)
                    sa += s[j] * (double)a[at + j];
                for (int j = 0; j < HS; j++) {
                    s[j] = s[j] * (double)w[at + j] + (double)k[at + j] * (double)v[at + i] + sa * (double)b[at + j];
                    y += s[j] * (double)r[at + j];
                }
                want[at + i] = (float)y;
            }
            for (int j = 0; j < HS; j++)
                want[n + (size_t)(row * HS + j)] = (float)s[j];
        }
        ran = launch(e, (uint32_t)(B * H), 1, 1, HS, 1);
        if (ran)
            expect(e, e->b[7].map, want, total, 1e-4f, 1e-4f);
        free(want);
        if (!ran)
            return;
    }
}

/*
 * kernel_ssm_scan_f32 (one channel per head, a decay per state) and its _group form (many channels, a decay per head):
 * with d = log(1 + exp(dt)): s <- s exp(A d) + B x d; y = C . s
 */
void t_ssm_scan(struct env *e, bool options)
{
    static const struct {
        int state, dim, heads, groups, tokens, seqs;
    } sizes[] = {{64, 5, 4, 2, 3, 2}, {128, 3, 6, 3, 2, 1}, {32, 2, 2, 1, 7, 1}};
    const bool group = strstr(e->kernel, "_group") != NULL;

    if (options)
        return;
    for (size_t q = 0; q < sizeof(sizes) / sizeof(sizes[0]) && !e->bad; q++) {
        const int ds = sizes[q].state, nr = group ? sizes[q].dim : 1, nh = sizes[q].heads, ng = sizes[q].groups;
        const int nt = sizes[q].tokens, ns = sizes[q].seqs, ny = nr * nh * nt * ns, nst = ds * nr * nh * ns;
        const uint64_t fs = 4, row = fs * (uint64_t)ds, head = row * (uint64_t)nr, seq = head * (uint64_t)nh;
        const uint64_t x1 = fs * (uint64_t)nr, x2 = x1 * (uint64_t)nh, d1 = fs * (uint64_t)nh, b2 = row * (uint64_t)ng;
        float *s0, *x, *dt, *A, *B, *C, *want = malloc((size_t)(ny + nst) * 4);
        int32_t *ids;
        bool ran;

        s0 = floats(e, 0, (size_t)(nst + ds * nr * nh), -1, 1); /* one more than sequences: ids choose */
        x = floats(e, 1, (size_t)ny, -1, 1);
        dt = floats(e, 2, (size_t)(nh * nt * ns), -3, 2);
        A = floats(e, 3, (size_t)(nh * (group ? 1 : ds)), -2, -0.1f);
        B = floats(e, 4, (size_t)(ds * ng * nt * ns), -1, 1);
        C = floats(e, 5, (size_t)(ds * ng * nt * ns), -1, 1);
        dt[0] = 25; /* past 20 the softplus is its argument */
        ids = buffer(e, 6, (size_t)ns * 4);
        for (int i = 0; i < ns; i++)
            ids[i] = ns - i;
        memset(buffer(e, 7, (size_t)(ny + nst) * 4), 0, (size_t)(ny + nst) * 4);
        args_pack(buffer(e, 8, 176), "qqqqqqqqqqqqqqqqqqqqqq", (uint64_t)ds, (uint64_t)nr, (uint64_t)nh, (uint64_t)ng,
                  (uint64_t)nt, (uint64_t)ns, fs * (uint64_t)ny, row, head, seq, x1, x2, x2 * (uint64_t)nt, d1,
                  d1 * (uint64_t)nt, group ? fs : row, row, b2, b2 * (uint64_t)nt, row, b2, b2 * (uint64_t)nt);
        for (int i = 0; i < nr * nh * ns; i++) {
            const int c = i % nr, h = i / nr % nh, sq = i / nr / nh, g = h / (nh / ng);
            float *end = want + ny + i * ds;

            for (int j = 0; j < ds; j++)
                end[j] = s0[((ids[sq] * nh + h) * nr + c) * ds + j];
            for (int t = 0; t < nt; t++) {
                const int tok = sq * nt + t;
                const double raw = (double)dt[tok * nh + h], d = raw > 20 ? raw : log(1 + exp(raw));
                double y = 0;

                for (int j = 0; j < ds; j++) {
                    const double decay = exp((double)A[group ? h : h * ds + j] * d);
                    const int bc = (tok * ng + g) * ds + j;

                    end[j] = (float)((double)end[j] * decay + (double)B[bc] * (double)x[(tok * nh + h) * nr + c] * d);
                    y += (double)end[j] * (double)C[bc];
                }
                want[(tok * nh + h) * nr + c] = (float)y;
            }
        }
        ran = group ? launch(e, (uint32_t)nr, (uint32_t)nh, (uint32_t)ns, (uint32_t)ds, 1)
                    : launch(e, (uint32_t)nh, (uint32_t)ns, 1, (uint32_t)ds, 1);
        if (ran)
            expect(e, e->b[7].map, want, (size_t)(ny + nst), 2e-4f, 1e-4f);
        free(want);
        if (!ran)
            return;
    }
}

/* kernel_conv_transpose_1d_<w>_f32: each input sample adds its kernel to the output, @s0 apart */
void t_conv_transpose(struct env *e, bool options)
{
    static const int sizes[][5] = {{3, 7, 4, 5, 2}, {1, 1, 1, 1, 1}, {5, 12, 3, 7, 3}}; /* in, length, out, taps, stride */
    const bool h = strstr(e->kernel, "_f16_") != NULL;

    if (options)
        return;
    for (size_t q = 0; q < sizeof(sizes) / sizeof(sizes[0]) && !e->bad; q++) {
        const int IC = sizes[q][0], IL = sizes[q][1], OC = sizes[q][2], K = sizes[q][3], S = sizes[q][4];
        const int OL = (IL - 1) * S + K, nw = IC * OC * K;
        uint8_t *w = buffer(e, 0, (size_t)nw * 4);
        float *x = floats(e, 1, (size_t)(IC * IL), -1, 1), *want = calloc((size_t)(OC * OL), 4);
        bool ran;

        for (int i = 0; i < nw; i++) {
            const float v = frand(-1, 1);

            if (h)
                half_put(w + i * 2, v);
            else
                memcpy(w + i * 4, &v, 4);
        }
        buffer(e, 2, (size_t)(OC * OL) * 4);
        args_pack(buffer(e, 3, 32), "iiiiqq", IC, IL, K, S, (uint64_t)4, (uint64_t)OL * 4);
        for (int ic = 0; ic < IC; ic++) {
            for (int i = 0; i < IL * OC * K; i++) {
                const int in = i / (OC * K), oc = i / K % OC, k = i % K, at = (ic * OC + oc) * K + k;
                float v;

                if (h)
                    v = half_get(w + at * 2);
                else
                    memcpy(&v, w + at * 4, 4);
                want[oc * OL + in * S + k] += v * x[ic * IL + in];
            }
        }
        ran = launch(e, (uint32_t)OL, (uint32_t)OC, 1, 1, 1);
        if (ran)
            expect(e, e->b[2].map, want, (size_t)(OC * OL), 1e-5f, 1e-5f);
        free(want);
        if (!ran)
            return;
    }
}

/* kernel_im2col_ext_<t>: the patches a convolution sees, with stride, padding and dilation in both directions */
void t_im2col_ext(struct env *e, bool options)
{
    static const struct {
        int n, c, h, w, kh, kw, s[2], p[2], d[2];
    } sizes[] = {{2, 3, 7, 6, 3, 3, {1, 1}, {1, 1}, {1, 1}}, {5, 2, 9, 11, 2, 4, {2, 3}, {0, 2}, {2, 1}}};
    const bool h = strstr(e->kernel, "f16") != NULL;

    if (options)
        return;
    for (size_t q = 0; q < sizeof(sizes) / sizeof(sizes[0]) && !e->bad; q++) {
        const int N = sizes[q].n, C = sizes[q].c, H = sizes[q].h, W = sizes[q].w, KH = sizes[q].kh, KW = sizes[q].kw;
        const int *s = sizes[q].s, *p = sizes[q].p, *d = sizes[q].d, CHW = C * KH * KW, threads = 4;
        const int OW = (W + 2 * p[0] - d[0] * (KW - 1) - 1) / s[0] + 1, OH = (H + 2 * p[1] - d[1] * (KH - 1) - 1) / s[1] + 1;
        const int n = N * OH * OW * CHW;
        float *x, *want = malloc((size_t)n * 4), *got = malloc((size_t)n * 4);
        bool ran;

        x = floats(e, 0, (size_t)(N * C * H * W), -1, 1);
        buffer(e, 1, (size_t)n * 4);
        args_pack(buffer(e, 2, 72), "qqiiiiiiiiiiiii", (uint64_t)(C * H * W), (uint64_t)(H * W), W, H, CHW, s[0], s[1], p[0],
                  p[1], d[0], d[1], N, KH, KW, KH * KW);
        for (int i = 0; i < n; i++) {
            const int k = i % CHW, ow = i / CHW % OW, oh = i / CHW / OW % OH, b = i / CHW / OW / OH;
            const int c = k / (KH * KW), y = oh * s[1] + k / KW % KH * d[1] - p[1], z = ow * s[0] + k % KW * d[0] - p[0];

            want[i] = y < 0 || y >= H || z < 0 || z >= W ? 0 : x[((b * C + c) * H + y) * W + z];
        }
        ran = launch(e, (uint32_t)(CHW * ((N + threads - 1) / threads)), (uint32_t)OH, (uint32_t)OW, (uint32_t)threads, 1);
        if (ran) {
            for (int i = 0; i < n; i++)
                got[i] = h ? half_get((uint8_t *)e->b[1].map + i * 2) : ((float *)e->b[1].map)[i];
            expect(e, got, want, (size_t)n, h ? 1e-3f : 0, 0);
        }
        free(want);
        free(got);
        if (!ran)
            return;
    }
}

/* Where between its own frequency and the scaled one dimension pair @pair lies, 1 is its own (NTK by parts). */
static double own_frequency(int pair, int dims, int ctx, double base, double fast, double slow)
{
    const double two_pi = 6.283185307179586, per = dims / (2 * log(base));
    const double low = fmax(0, floor(per * log(ctx / (fast * two_pi))));
    const double high = fmin(dims - 1, ceil(per * log(ctx / (slow * two_pi))));

    return 1 - fmin(1, fmax(0, (pair - low) / fmax(0.001, high - low)));
}

/* kernel_rope_multi_<t> (sections of time, height, width) and kernel_rope_vision_<t> (two sections over the whole row) */
void t_rope_sections(struct env *e, bool options)
{
    static const struct {
        int d, dims, heads, tokens, sect[4];
        bool factors, yarn;
    } sizes[] = {{32, 24, 3, 4, {4, 3, 3, 2}, false, false}, {64, 32, 2, 5, {8, 8, 8, 8}, true, true}};
    const bool h = strstr(e->kernel, "f16") != NULL, vision = strstr(e->kernel, "vision") != NULL;
    const size_t es = h ? 2 : 4;
    const double base = 10000, fast = 32, slow = 1, attn = 1.25;

    if (options)
        return;
    for (size_t q = 0; q < sizeof(sizes) / sizeof(sizes[0]) && !e->bad; q++) {
        const int D = sizes[q].d, H = sizes[q].heads, T = sizes[q].tokens, n = D * H * T;
        const int ND = vision ? sizes[q].dims / 2 : sizes[q].dims, apart = vision ? ND : ND / 2;
        const int sect[4] = {vision ? ND / 2 : sizes[q].sect[0], vision ? ND / 2 : sizes[q].sect[1],
                             vision ? 0 : sizes[q].sect[2], vision ? 0 : sizes[q].sect[3]};
        const int around = sect[0] + sect[1] + sect[2] + sect[3];
        const double scale = sizes[q].yarn ? 0.25 : 1, ext = sizes[q].yarn ? 1 : 0;
        const uint64_t row = (uint64_t)D * es, plane = row * (uint64_t)H, all = plane * (uint64_t)T;
        float *x = malloc((size_t)n * 4), *want = malloc((size_t)n * 4), *got = malloc((size_t)n * 4), *factor = NULL;
        int32_t *pos;
        uint8_t *src;
        bool ran;

        args_pack(buffer(e, 0, 152), "iiiiqqqqiiiiqqqqiiiffffffiiii", D, H, T, 1, (uint64_t)es, row, plane, all, D, H, T, 1,
                  (uint64_t)es, row, plane, all, 0, ND, 4096, base, scale, ext, attn, fast, slow, sect[0], sect[1], sect[2],
                  sect[3]);
        src = buffer(e, 1, (size_t)n * es);
        for (int i = 0; i < n; i++) {
            x[i] = frand(-1, 1);
            if (h) {
                half_put(src + i * 2, x[i]);
                x[i] = half_get(src + i * 2);
            } else {
                memcpy(src + i * 4, &x[i], 4);
            }
        }
        pos = buffer(e, 2, (size_t)T * 16);
        for (int i = 0; i < 4 * T; i++)
            pos[i] = (int32_t)(rng() % 50);
        if (sizes[q].factors)
            factor = floats(e, 3, (size_t)apart, 1, 3);
        else
            e->run.buf[3] = e->run.buf[1]; /* the source itself: no factors */
        buffer(e, 4, (size_t)n * es);
        memcpy(want, x, (size_t)n * 4);
        for (int r = 0; r < H * T; r++) {
            for (int pair = 0; pair < apart; pair++) {
                const int in = pair % around, t = r / H;
                const int part = in < sect[0] ? 0 : in < sect[0] + sect[1] ? 1 : in < sect[0] + sect[1] + sect[2] ? 2 : 3;
                const int step = vision ? in - (part ? sect[0] : 0) : pair;
                double own = pos[part * T + t] * pow(base, -2.0 * step / ND) / (factor ? (double)factor[pair] : 1);
                double mix = ext * own_frequency(pair, ND, 4096, base, fast, slow);
                double th = own * scale * (1 - mix) + own * mix, size = attn * (ext != 0 ? 1 + 0.1 * log(1 / scale) : 1);
                double a = (double)x[r * D + pair], b = (double)x[r * D + pair + apart];

                want[r * D + pair] = (float)(size * (a * cos(th) - b * sin(th)));
                want[r * D + pair + apart] = (float)(size * (a * sin(th) + b * cos(th)));
            }
        }
        ran = launch(e, (uint32_t)H, (uint32_t)T, 1, 32, 1);
        if (ran) {
            for (int i = 0; i < n; i++)
                got[i] = h ? half_get((uint8_t *)e->b[4].map + i * 2) : ((float *)e->b[4].map)[i];
            /* angles up to 50 in float: their last bit is worth 4e-6, and the fast sine is a few of them off */
            expect(e, got, want, (size_t)n, h ? 2e-3f : 1e-4f, h ? 2e-3f : 2e-4f);
        }
        free(x);
        free(want);
        free(got);
        if (!ran)
            return;
    }
}
