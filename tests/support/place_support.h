/* A table in a temporary directory, for tests of what reads tables by their path. */
#ifndef LAM_TESTS_PLACE_SUPPORT_H
#define LAM_TESTS_PLACE_SUPPORT_H

#include "ops_support.h"

struct place {
  char *path;
  struct lam_store *store;
};
static inline void begin(struct place *p) {
  p->path = new_temporary();
  OK(lam_store_local(context, p->path, &p->store, &error));
}
static inline void end(struct place *p) {
  lam_store_close(p->store);
  remove_temporary(context, p->path);
}

/* Rows first … of ids in row groups of 100 and pages of 10. */
static inline void put_groups(struct place *p, const char *key, int64_t first, int64_t count) {
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  int64_t *ids = malloc((size_t)count * sizeof *ids);
  for (int64_t i = 0; i < count; i++) ids[i] = first + i;
  options.row_group_rows = 100;
  options.page_rows = 10;
  options.no_sync = true;
  rows_schema(&schema);
  rows_batch(&schema, ids, count, &batch);
  put_batch(p->store, key, &schema, &batch, &options);
  lam_array_release(&batch);
  lam_schema_release(&schema);
  free(ids);
}

/* Appends to what a callback describes. */
enum { TEXT = 4096 };
__attribute__((format(printf, 2, 3))) static inline void put_text(char *text, const char *format, ...) {
  size_t size = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + size, TEXT - size, format, arguments);
  va_end(arguments);
}

/* Notes which data files a directory opens, a line each in `noted_opens`, as long as it is noted. */
static const struct lam_store_ops *noted_plain;
static struct lam_store_ops noted_ops;
static const struct lam_store *noted_data;
static char noted_opens[TEXT];
static int noted_missing; /* so many opens find that the file has just been moved away */
static inline enum lam_status noting_open(struct lam_store *store, const char *key, struct lam_input **out,
                                          struct lam_object_info *info, struct lam_error *e) {
  if (store == noted_data) put_text(noted_opens, "%s\n", key);
  if (store == noted_data && noted_missing-- > 0) return lam_fail(e, LAM_NOT_FOUND, "%s was moved", key);
  return noted_plain->open(store, key, out, info, e);
}
static inline void note_opens(struct lam_directory *directory) {
  noted_plain = directory->data->ops;
  noted_ops = *noted_plain;
  noted_ops.open = noting_open;
  noted_data = directory->data;
  noted_missing = 0;
  *noted_opens = 0;
  directory->data->ops = directory->meta->ops = &noted_ops; /* stores of one kind have one table */
}
static inline void end_noting(struct lam_directory *directory) {
  directory->data->ops = directory->meta->ops = noted_plain;
}

#endif
