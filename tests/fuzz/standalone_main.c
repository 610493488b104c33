/* Runs a fuzz target over files and directories of files, for builds without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly as many bytes as the file has, so that the sanitizer sees a read past them. */
static int run_file(const char *path, size_t size) {
  FILE *file = fopen(path, "rb");
  uint8_t *data = malloc(size ? size : 1);
  int failed = !file || !data || fread(data, 1, size, file) != size;
  if (failed)
    perror(path);
  else
    LLVMFuzzerTestOneInput(data, size);
  free(data);
  if (file) fclose(file);
  return failed;
}

static int run_path(const char *path, int *runs) {
  struct stat info;
  if (stat(path, &info) != 0) return perror(path), 1;
  if (!S_ISDIR(info.st_mode)) return (*runs)++, run_file(path, (size_t)info.st_size);
  DIR *directory = opendir(path);
  if (!directory) return perror(path), 1;
  int failed = 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (entry->d_name[0] == '.') continue;
    char child[4096];
    snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
    failed |= run_path(child, runs);
  }
  closedir(directory);
  return failed;
}

int main(int argc, char **argv) {
  int failed = 0, runs = 0;
  for (int i = 1; i < argc; i++) failed |= run_path(argv[i], &runs);
  printf("%d inputs\n", runs);
  return failed;
}
