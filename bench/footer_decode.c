/* Decoding one file's footer, from its bytes in memory, again and again: footer_decode FILE TIMES
 * Prints the milliseconds of each time, one a line. The metadata are given back each time, which is counted. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parquet/format.h"
#include "timing.h"

static struct lam_bytes read_footer(const char *path, uint64_t *file_size) {
  int fd = open(path, O_RDONLY);
  struct stat info;
  uint8_t end[8];
  if (fd < 0 || fstat(fd, &info) || pread(fd, end, 8, info.st_size - 8) != 8) return (struct lam_bytes){0};
  size_t size = lam_load32(end);
  uint8_t *bytes = malloc(size ? size : 1);
  *file_size = (uint64_t)info.st_size;
  bool whole = bytes && pread(fd, bytes, size, info.st_size - 8 - (off_t)size) == (ssize_t)size;
  close(fd);
  return whole ? (struct lam_bytes){bytes, size} : (struct lam_bytes){0};
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  uint64_t file_size = 0;
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_bytes footer = read_footer(argv[1], &file_size);
  enum lam_status status = footer.data ? lam_context_create(NULL, &context, &error) : LAM_IO;
  if (status == LAM_OK) status = lam_mem_open(context, 0, &mem, &error);
  for (int i = 0; status == LAM_OK && i < atoi(argv[2]); i++) {
    struct lam_file_meta meta;
    struct lam_arena arena;
    double start = now_ms();
    lam_arena_init(&arena, mem);
    status = lam_file_meta_parse(footer, file_size, &arena, &meta, &error);
    lam_arena_release(&arena);
    printf("%.3f\n", now_ms() - start);
  }
  if (status != LAM_OK) fprintf(stderr, "%s\n", error.message);
  return status == LAM_OK ? 0 : 1;
}
