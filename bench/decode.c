/* Decoding one column whose bytes are in memory, on one core: decode FILE COLUMN TIMES [chunk|memcpy|codec]
 *
 * chunk: into Arrow buffers that are reused. memcpy: the bytes that come out of it, copied from memory into one such
 * buffer, which is what PLAIN values cost at least. codec: the pages decompressed and no more. Prints the milliseconds
 * of each time, one a line. Only flat columns of a fixed width, and for memcpy without NULLs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parquet/chunk.h"
#include "timing.h"

enum { BATCH_ROWS = 32768, BATCH_BYTES = 1 << 20 };

struct job {
  struct lam_mem *mem;
  struct lam_file *file;
  struct lam_byte_source bytes;
  struct lam_chunk chunk;
  struct lam_codec_state codec;
  struct lam_buf buffer;
  struct lam_leaf leaf;
  int32_t column;
  struct lam_error error;
};

/* The whole file as resident bytes, in pages of its own: not those of the page cache. */
static struct lam_byte_source whole_file(const char *path) {
  struct lam_byte_source source = {0};
  struct stat info;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &info)) return source;
  size_t size = (size_t)info.st_size, done = 0;
  uint8_t *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (ssize_t n = 1; data != MAP_FAILED && done < size && n > 0; done += n > 0 ? (size_t)n : 0)
    n = read(fd, data + done, size - done);
  close(fd);
  if (data != MAP_FAILED && done == size) source.resident = lam_bytes_of(data, size);
  return source;
}

static enum lam_status each_chunk(struct job *job,
                                  enum lam_status (*run)(struct job *, const struct lam_chunk_source *)) {
  const struct lam_file_meta *meta = lam_file_meta(job->file);
  for (int32_t g = 0; g < meta->row_group_count; g++) {
    const struct lam_chunk_meta *chunk = &meta->row_groups[g].chunks[job->column];
    struct lam_chunk_source source = {.bytes = job->bytes,
                                      .window = 1 << 20,
                                      .codec = (enum lam_codec)chunk->codec,
                                      .leaf = &job->leaf,
                                      .values = chunk->values};
    LAM_TRY(lam_chunk_range(job->file, g, job->column, &source.offset, &source.size, &job->error));
    LAM_TRY(run(job, &source));
  }
  return LAM_OK;
}

static enum lam_status run_chunk(struct job *job, const struct lam_chunk_source *source) {
  LAM_TRY(lam_chunk_begin(&job->chunk, source, false, &job->error));
  for (int64_t rows = source->values; rows > 0; rows -= job->chunk.run.rows)
    LAM_TRY(lam_chunk_read(&job->chunk, &job->codec, BATCH_ROWS, BATCH_BYTES, &job->error));
  return LAM_OK;
}

static enum lam_status run_memcpy(struct job *job, const struct lam_chunk_source *source) {
  size_t left = (size_t)source->values * (size_t)job->leaf.width, step = BATCH_ROWS * (size_t)job->leaf.width;
  const uint8_t *from = source->bytes.resident.data + source->offset, *end = from + source->size;
  LAM_TRY(lam_buf_reserve(&job->buffer, step, &job->error));
  for (size_t n; left; left -= n, from += n) {
    n = left < step ? left : step;
    if (from + n > end) from = end - n < source->bytes.resident.data ? source->bytes.resident.data : end - n;
    memcpy(job->buffer.data, from, n);
    __asm__ volatile("" ::"r"(job->buffer.data) : "memory");
  }
  return LAM_OK;
}

static enum lam_status run_codec(struct job *job, const struct lam_chunk_source *source) {
  struct lam_page_stream stream;
  lam_page_stream_init(&stream, job->mem);
  lam_page_stream_begin(&stream, &source->bytes, source->offset, source->size, 0, source->window, false);
  enum lam_status status = LAM_OK;
  for (bool more = true; status == LAM_OK;) {
    struct lam_page page;
    struct lam_bytes payload;
    status = lam_page_stream_header(&stream, &page, &more, &job->error);
    if (status != LAM_OK || !more) break;
    status = lam_page_stream_payload(&stream, &page, &payload, &job->error);
    size_t size = (size_t)page.header.uncompressed_size;
    if (status == LAM_OK) status = lam_buf_reserve(&job->buffer, size, &job->error);
    if (status == LAM_OK && source->codec != LAM_UNCOMPRESSED)
      status = lam_decompress(&job->codec, source->codec, payload, job->buffer.data, size, &job->error);
  }
  lam_page_stream_release(&stream);
  return status;
}

static enum lam_status open_job(struct job *job, const char *path) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_context *context;
  options.threads = 1;
  LAM_TRY(lam_context_create(&options, &context, &job->error));
  LAM_TRY(lam_mem_open(context, 0, &job->mem, &job->error));
  LAM_TRY(lam_file_open(context, path, NULL, &job->file, &job->error));
  job->bytes = whole_file(path);
  if (!job->bytes.resident.size) return LAM_IO;
  const struct lam_file_meta *meta = lam_file_meta(job->file);
  lam_chunk_init(&job->chunk, job->mem);
  lam_codec_init(&job->codec, job->mem);
  lam_buf_init(&job->buffer, job->mem);
  return lam_leaf_of_node(meta, meta->leaves[job->column], &job->leaf, &job->error);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  struct job job = {.error = LAM_ERROR_INIT, .column = atoi(argv[2])};
  enum lam_status status = open_job(&job, argv[1]);
  for (int i = 0; status == LAM_OK && i < atoi(argv[3]); i++) {
    double start = now_ms();
    status = each_chunk(&job, strcmp(argv[4], "chunk") == 0    ? run_chunk
                              : strcmp(argv[4], "memcpy") == 0 ? run_memcpy
                                                               : run_codec);
    printf("%.3f\n", now_ms() - start);
  }
  if (status != LAM_OK) fprintf(stderr, "%s\n", job.error.message);
  return status == LAM_OK ? 0 : 1;
}
