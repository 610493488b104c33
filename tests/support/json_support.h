/* Batches from and to JSON lines: what tests of nested columns are written in. */
#ifndef LAM_TEST_JSON_SUPPORT_H
#define LAM_TEST_JSON_SUPPORT_H

#include "arrow/json_write.h"
#include "arrow_support.h"
#include "ops/json_read.h"

struct text_source {
  const char *text;
  size_t at, size, piece; /* at most `piece` bytes a read */
};

static inline enum lam_status read_text(void *user, void *to, size_t room, size_t *got, struct lam_error *e) {
  (void)e;
  struct text_source *source = user;
  *got = source->size - source->at < room ? source->size - source->at : room;
  if (source->piece && *got > source->piece) *got = source->piece;
  if (*got) memcpy(to, source->text + source->at, *got);
  source->at += *got;
  return LAM_OK;
}

/* The whole text as one batch of at most 65,536 rows. */
static inline void batch_of_json(const char *text, struct ArrowSchema *schema, struct ArrowArray *batch) {
  struct text_source source = {.text = text, .size = strlen(text)};
  struct lam_json *json;
  OK(lam_json_open(mem, read_text, &source, NULL, &json, &error));
  OK(lam_json_schema(json, schema, &error));
  OK(lam_json_next(json, batch, &error));
  lam_json_close(json);
}

/* The caller frees the text. */
static inline char *json_of_batch(const struct ArrowSchema *schema, const struct ArrowArray *batch) {
  struct lam_json_writer writer;
  struct lam_buf out;
  lam_buf_init(&out, mem);
  OK(lam_json_writer_init(&writer, mem, schema, &error));
  OK(lam_json_write(&writer, batch, 0, batch->length, &out, &error));
  lam_json_writer_release(&writer);
  char *text = malloc(out.size + 1);
  assert_non_null(text);
  if (out.size) memcpy(text, out.data, out.size);
  text[out.size] = 0;
  lam_buf_release(&out);
  return text;
}

#endif
