/*
 * Multiplies two square matrices of doubles with fixed contents and prints a checksum and some cells. Work
 * for the CPU with hardly a system call: what it costs is the processor, or whatever stands in for one. Every
 * intermediate value is an integer below 2^53, so that the result does not depend on the order of additions.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define N 256

static double a[N][N], b[N][N], product[N][N];

/* Numerical Recipes' linear congruential generator, values 0 to 999. */
static double next_value(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (double)((*state >> 8) % 1000u);
}

static uint64_t fnv1a(const void *bytes, size_t length, uint64_t hash)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

int main(void)
{
    uint32_t state = 42;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    double trace = 0;

    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = next_value(&state);
            b[i][j] = next_value(&state);
        }
    }
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < N; k++) {
            double factor = a[i][k];

            for (int j = 0; j < N; j++) {
                product[i][j] += factor * b[k][j];
            }
        }
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            int64_t cell = (int64_t)product[i][j];

            hash = fnv1a(&cell, sizeof cell, hash);
        }
        trace += product[i][i];
    }
    printf("product of two %dx%d matrices\n", N, N);
    printf("first cell %.0f, middle cell %.0f, last cell %.0f\n", product[0][0],
           product[N / 2][N / 2], product[N - 1][N - 1]);
    printf("trace %.0f, mean %.4f\n", trace, trace / N);
    printf("checksum %016" PRIx64 "\n", hash);
    return EXIT_SUCCESS;
}
