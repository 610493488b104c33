/* What a condition leaves of a file: row groups by statistics, bloom filters and dictionaries, then rows by page
 * indexes. The decision itself is expr/decide.c's; here are the facts. */
#ifndef LAM_PARQUET_PRUNE_H
#define LAM_PARQUET_PRUNE_H

#include "base/ranges.h"
#include "expr/expr.h"
#include "parquet/file.h"

/* Why rows need not be read, for `plan` and tests. */
struct lam_prune_counts {
  uint64_t groups, groups_by_statistics, groups_by_bloom, groups_by_dictionary, groups_by_pages; /* skipped by … */
  uint64_t pages, pages_skipped;
};

/* A condition over a file. */
struct lam_prune;
/* `condition` is bound to `schema`, a struct schema whose columns may be wider than the file's (a table's). sources[i]
 * is the top-level column of the file that the schema's child i comes from, -1 where the file has none (its rows are
 * NULL there, or `constants[i]` where that is not NULL: a value of the path). */
enum lam_status lam_prune_open(const struct lam_file *file, const struct lam_expr *condition,
                               const struct ArrowSchema *schema, const int32_t *sources,
                               const struct lam_scalar *const *constants, struct lam_mem *mem, struct lam_prune **out,
                               struct lam_error *error);
/* The same of a file of which only metadata are known; what is below but lam_prune_group and lam_prune_rows can be
 * asked. */
struct lam_byte_source;
struct lam_prune_file {
  const struct lam_file_meta *meta;
  const struct lam_byte_source *bytes; /* of the file, for bloom filters; NULL: only those that the metadata have */
  uint64_t size;                       /* of the file */
  const char *name;                    /* for messages; outlives the prune, as all of this */
};
enum lam_status lam_prune_open_meta(const struct lam_prune_file *file, const struct lam_expr *condition,
                                    const struct ArrowSchema *schema, const int32_t *sources,
                                    const struct lam_scalar *const *constants, struct lam_mem *mem,
                                    struct lam_prune **out, struct lam_error *error);
void lam_prune_close(struct lam_prune *prune);
/* The outcomes (expr.h) that are possible for the rows of a row group. Statistics first; bloom filters and
 * dictionaries are read only where those leave it open. */
enum lam_status lam_prune_group(struct lam_prune *prune, int32_t row_group, unsigned *outcomes,
                                struct lam_error *error);
/* The same from statistics and bloom filters. */
enum lam_status lam_prune_filters(struct lam_prune *prune, int32_t row_group, unsigned *outcomes,
                                  struct lam_error *error);
/* The same from statistics alone: nothing is read, nothing counted. */
enum lam_status lam_prune_statistics(struct lam_prune *prune, int32_t row_group, unsigned *outcomes,
                                     struct lam_error *error);
/* What statistics say of a column, a node of the condition, in a row group. Values live until another one is asked
 * about. */
enum lam_status lam_prune_facts(struct lam_prune *prune, int32_t row_group, const struct lam_expr *column,
                                struct lam_facts_column *out, struct lam_error *error);
/* The rows of the group (counted from 0) whose pages may hold a match; all of them where there is no index that can be
 * trusted. *all: every row in `rows` matches for certain. */
enum lam_status lam_prune_rows(struct lam_prune *prune, int32_t row_group, struct lam_ranges *rows, bool *all,
                               struct lam_error *error);
const struct lam_prune_counts *lam_prune_counted(const struct lam_prune *prune);

/* prune_file.c: what statistics say of a leaf that is not repeated in all rows of the file, as facts about its own
 * Arrow type. Bytes are in `arena`. */
enum lam_status lam_file_facts(const struct lam_file *file, int32_t leaf, struct lam_arena *arena,
                               struct lam_facts_column *out, struct lam_error *error);

/* For hashing: appends the PLAIN form that the leaf's writer would have given the value (a BYTE_ARRAY
 * without its length). *exact is false where no value of the leaf equals it, or where several forms do. */
enum lam_status lam_scalar_plain(const struct lam_file_meta *meta, int32_t leaf, const struct lam_scalar *value,
                                 struct lam_buf *out, bool *exact, struct lam_error *error);

#endif
