/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over files or folders of files, without libFuzzer: the corpus as an ordinary test. A crash or a
 * failed assertion ends the program; the file is named on the last line printed.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int files;

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data;
    size_t n;

    if (!f) {
        perror(path);
        return 1;
    }
    data = malloc(1 << 20);
    n = data ? fread(data, 1, 1 << 20, f) : 0;
    fclose(f);
    printf("%s (%zu bytes)\n", path, n);
    fflush(stdout);
    /* An allocation of the exact size, so that a read beyond the input is seen by the sanitizer. */
    data = realloc(data, n ? n : 1);
    if (data)
        LLVMFuzzerTestOneInput(data, n);
    free(data);
    files++;
    return 0;
}

static int run_path(const char *path)
{
    struct dirent **entry;
    struct stat st;
    int n, bad = 0;

    if (stat(path, &st)) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode))
        return run_file(path);
    n = scandir(path, &entry, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char name[4096];

        if (entry[i]->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, entry[i]->d_name);
            bad |= run_file(name);
        }
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
    return bad || n < 0;
}

int main(int argc, char **argv)
{
    int bad = argc < 2;

    for (int i = 1; i < argc; i++)
        bad |= run_path(argv[i]);
    if (!files)
        fprintf(stderr, "no input file\n");
    return bad || !files;
}
