/* What new files keep of those that they replace: key-value metadata, encodings, and the place in the order of names.
 */
#ifndef LAM_OPS_KEEP_H
#define LAM_OPS_KEEP_H

#include "lamella/table.h"
#include "parquet/writer.h"
#include "table/directory.h"

/* For struct lam_write_options; all zero but `arena` is that of a file without any. */
struct lam_keep {
  struct lam_arena *arena;
  struct lam_write_key_value *key_values;
  int32_t key_value_count;
  struct lam_column_options *columns;
  int32_t column_count;
  bool no_page_index;
};
/* Takes the metadata of a file, copied to the arena. */
enum lam_status lam_keep_file(struct lam_keep *keep, const struct lam_file *file, struct lam_error *error);
/* Drops the key-value pairs that another file does not have too. */
void lam_keep_common(struct lam_keep *keep, const struct lam_file_meta *meta);
void lam_keep_drop(struct lam_keep *keep, const char *key);
/* What the options of the change ask of columns of `schema` instead: codec, bloom filters, no page index. */
enum lam_status lam_keep_change(struct lam_keep *keep, const struct lam_change_options *options,
                                const struct ArrowSchema *schema, struct lam_error *error);
void lam_keep_write(const struct lam_keep *keep, struct lam_write_options *out);

/* By which columns the rows of all row groups of the file are said to be sorted, by its footer; names are the file's.
 */
enum lam_status lam_keep_sorting(const struct lam_file *file, struct lam_arena *arena, struct lam_sort_key **keys,
                                 int32_t *count, struct lam_error *error);

/* Whether row groups of the one file look, to a reader, just as those of the other. */
bool lam_same_layout(const struct lam_file_meta *a, const struct lam_file_meta *b);
/* The same of top-level column `a_column` of the one and `b_column` of the other, whatever they and the fields within
 * them are called. */
bool lam_same_column(const struct lam_file_meta *a, int32_t a_column, const struct lam_file_meta *b, int32_t b_column);

/* What outputs are named after ("<stem>-<uuid>.parquet"), so that they stand where files [first, first + count) of a
 * partition stood in the order of names: the name of the first without ".parquet" and without a UUID of an earlier
 * change ("part-<uuid>" keeps its first UUID); with that UUID, or the whole of it, where it would pass a neighbour. */
enum lam_status lam_keep_stem(const struct lam_snapshot *snapshot, size_t first, size_t count, struct lam_arena *arena,
                              char **out, struct lam_error *error);

#endif
