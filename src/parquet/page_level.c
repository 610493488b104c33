/* Levels of zstd for text that nobody has asked a level for.
 *
 * What a dearer level saves depends on the text, and may be less than nothing: of hexadecimal digits, URLs and JSON
 * with random parts level 3 makes 3 to 10 % more bytes than level 1, in two to three times the time; of lines of source
 * code it saves 11 %, of long strings out of few pieces 6 %, which the larger table of LAM_ZSTD_WIDE alone finds too.
 * Where long passages return a few times in a page LAM_ZSTD_LONG makes fewer bytes than any, in the time of
 * LAM_ZSTD_WIDE or an eighth less, and they are decompressed in less; of other text it makes many more. So the levels
 * are tried on one page of a column. It is not the first one: columns of few pages would pay for a trial that comes too
 * late for them. Which page it is depends on nothing but what is written, and so does the file. */
#include "parquet/chunk_write.h"

enum {
  FIRST_LEVEL = 3, /* until the trial */
  TRIAL_PAGE = 4,  /* pages before it */
  WORTH = 50,      /* a 50th, 2 % of the bytes: what a level must save for its time */
};

static enum lam_status size_at(struct lam_workspace *workspace, struct lam_bytes plain, int level, size_t *size,
                               struct lam_error *error) {
  workspace->page.size = 0;
  LAM_TRY(lam_compress(&workspace->codec, LAM_ZSTD, level, plain, &workspace->page, error));
  *size = workspace->page.size;
  return LAM_OK;
}

/* The cheapest level whose bytes are those of the dearer ones, as good as; or fewer, because of long passages. */
static enum lam_status try_levels(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                  struct lam_bytes plain, struct lam_error *error) {
  static const int cheaper[] = {LAM_ZSTD_WIDE, 1};
  size_t least, size;
  chunk->text_level = FIRST_LEVEL;
  LAM_TRY(size_at(workspace, plain, FIRST_LEVEL, &least, error));
  for (size_t i = 0; i < sizeof cheaper / sizeof *cheaper; i++) {
    LAM_TRY(size_at(workspace, plain, cheaper[i], &size, error));
    if (size > least + least / WORTH) break;
    least = lam_min_u64(least, size);
    chunk->text_level = cheaper[i];
  }
  LAM_TRY(size_at(workspace, plain, LAM_ZSTD_LONG, &size, error));
  if (size + size / WORTH >= least) return LAM_OK;
  chunk->text_level = LAM_ZSTD_LONG;
  chunk->long_from = plain.size - plain.size / 8; /* in less of it passages return less often */
  return LAM_OK;
}

enum lam_status lam_page_choose_level(struct lam_chunk_writer *chunk, struct lam_workspace *workspace,
                                      struct lam_out_page *page, struct lam_error *error) {
  if (chunk->options.codec != LAM_ZSTD || chunk->options.level || chunk->storing.rule != LAM_STORE_BYTES) return LAM_OK;
  struct lam_bytes plain = lam_bytes_of(page->bytes.data + page->start, page->bytes.size - page->start);
  if (!chunk->text_level && chunk->text_pages++ == TRIAL_PAGE) {
    enum lam_status status = try_levels(chunk, workspace, plain, error);
    if (status != LAM_OK && status != LAM_LIMIT) return status; /* where memory is short there is no trial */
  }
  page->level = chunk->text_level ? chunk->text_level : FIRST_LEVEL;
  if (page->level == LAM_ZSTD_LONG && plain.size < chunk->long_from) page->level = LAM_ZSTD_WIDE;
  return LAM_OK;
}
