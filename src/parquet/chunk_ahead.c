/* Pages of a chunk that are decompressed by other threads while its owner decodes those before them.
 *
 * The owner alone reads: headers, payloads, checksums. What a page means is settled when its turn comes, as if it had
 * been found then, and so is whatever may be wrong with it: where reading ahead or decompressing fails, the owner does
 * the same again at its time, with the same failure. */
#include <assert.h>

#include "base/context.h"
#include "parquet/chunk.h"

enum {
  LEAST_BYTES = 64 << 10, /* of a page, decompressed: less is not worth waking a thread */
  SHARE = 16,             /* of the memory that is available, for all pages */
};

struct lam_ahead {
  struct lam_mem *mem;
  struct lam_queue *queue;
  enum lam_codec codec;
  int max_definition;
  bool current; /* the first page is the one that is being decoded */
  uint32_t first, count, room;
  struct lam_ahead_page pages[]; /* a ring */
};

static struct lam_ahead_page *page_at(struct lam_ahead *ahead, uint32_t index) {
  return &ahead->pages[(ahead->first + index) % ahead->room];
}

static enum lam_status split(void *user, struct lam_queue_item *item, struct lam_error *error) {
  const struct lam_ahead *ahead = user;
  struct lam_ahead_page *page = (struct lam_ahead_page *)(void *)item;
  (void)error;
  page->good = lam_page_split(&page->page, page->payload, ahead->codec, &page->state, 0, ahead->max_definition,
                              &page->buffer, &page->parts, NULL) == LAM_OK;
  return LAM_OK;
}

static enum lam_status open_ahead(struct lam_mem *mem, uint32_t room, struct lam_ahead **out, struct lam_error *error) {
  LAM_TRY(lam_alloc_zero(mem, sizeof **out + room * sizeof *(*out)->pages, (void **)out, error));
  struct lam_ahead *ahead = *out;
  ahead->mem = mem;
  ahead->room = room;
  for (uint32_t i = 0; i < room; i++) {
    lam_buf_init(&ahead->pages[i].raw, mem);
    lam_buf_init(&ahead->pages[i].buffer, mem);
    lam_codec_init(&ahead->pages[i].state, mem);
  }
  return lam_queue_open(lam_context_pool(lam_mem_context(mem)), split, ahead, &ahead->queue, error);
}

void lam_ahead_release(struct lam_ahead *ahead) {
  if (!ahead) return;
  lam_queue_close(ahead->queue);
  for (uint32_t i = 0; i < ahead->room; i++) {
    lam_buf_release(&ahead->pages[i].raw);
    lam_buf_release(&ahead->pages[i].buffer);
    lam_codec_release(&ahead->pages[i].state);
  }
  lam_free(ahead->mem, ahead, sizeof *ahead + ahead->room * sizeof *ahead->pages);
}

enum lam_status lam_ahead_begin(struct lam_chunk *chunk, struct lam_error *error) {
  const struct lam_chunk_source *source = &chunk->source;
  bool useful =
      source->ahead > 1 && source->codec != LAM_UNCOMPRESSED && !source->column && chunk->class != LAM_VALUES_VIEWS;
  while (chunk->ahead && lam_ahead_next(chunk->ahead)) continue;
  if (!useful || (chunk->ahead && chunk->ahead->room != source->ahead)) {
    lam_ahead_release(chunk->ahead);
    chunk->ahead = NULL;
  }
  if (!useful) return LAM_OK;
  if (!chunk->ahead) LAM_TRY(open_ahead(chunk->mem, source->ahead, &chunk->ahead, error));
  chunk->ahead->codec = source->codec;
  chunk->ahead->max_definition = source->leaf->max_definition;
  return LAM_OK;
}

const struct lam_ahead_page *lam_ahead_next(struct lam_ahead *ahead) {
  if (ahead->current) {
    ahead->first = (ahead->first + 1) % ahead->room;
    ahead->count--;
  }
  ahead->current = ahead->count > 0;
  if (!ahead->current) return NULL;
  lam_queue_wait_for(ahead->queue, &page_at(ahead, 0)->item);
  return page_at(ahead, 0);
}

/* Whether the page is one to be decompressed ahead, as far as its header can be trusted. `left`: rows of the chunk. */
static bool is_worth_it(const struct lam_ahead *ahead, const struct lam_page_header *header, int64_t left) {
  bool data = header->kind == LAM_DATA_PAGE || (header->kind == LAM_DATA_PAGE_V2 && header->compressed);
  if (!data || header->values <= 0 || header->values > left || header->uncompressed_size < LEAST_BYTES) return false;
  uint64_t bytes = (uint64_t)header->compressed_size + (uint64_t)header->uncompressed_size;
  return bytes * ahead->room <= lam_mem_available(ahead->mem) / SHARE;
}

void lam_ahead_fill(struct lam_chunk *chunk, int64_t end) {
  struct lam_ahead *ahead = chunk->ahead;
  struct lam_page_stream *stream = &chunk->stream;
  int64_t row = chunk->source.values - chunk->rows_left;
  assert(chunk->page_left == 0);
  for (uint32_t i = 0; i < ahead->count; i++) row += page_at(ahead, i)->page.header.values;
  while (ahead->count < ahead->room && row < end && stream->next < stream->until) {
    struct lam_ahead_page *page = page_at(ahead, ahead->count);
    bool more;
    if (lam_page_stream_header(stream, &page->page, &more, NULL) != LAM_OK || !more) return;
    page->page.header.compressed |= chunk->source.leaf->v2_always_compressed;
    if (!is_worth_it(ahead, &page->page.header, chunk->source.values - row)) return;
    if (lam_page_stream_keep(stream, &page->page, &page->raw, &page->payload, NULL) != LAM_OK) return;
    ahead->count++;
    row += page->page.header.values;
    lam_queue_push(ahead->queue, &page->item);
  }
}
