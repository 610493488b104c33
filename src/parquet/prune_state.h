/* What the parts of pruning share: prune.c, prune_bounds.c, prune_pages.c, prune_dictionary.c. */
#ifndef LAM_PARQUET_PRUNE_STATE_H
#define LAM_PARQUET_PRUNE_STATE_H

#include "parquet/page.h"
#include "parquet/page_index.h"
#include "parquet/prune.h"

/* A column that the condition names, wherever it does. */
struct lam_prune_column {
  const struct lam_expr *node; /* the first of its nodes */
  enum {
    LAM_PRUNE_UNKNOWN,  /* nothing can be said of it: repeated, of a type that does not convert */
    LAM_PRUNE_CONSTANT, /* `constant` in every row */
    LAM_PRUNE_LEAF,
  } kind;
  const struct lam_scalar *constant; /* of the node's type, perhaps NULL */
  int32_t leaf;
  struct lam_leaf type;      /* of the leaf; node->type may be wider */
  bool trusted, trusted_old; /* the leaf's min and max; the deprecated pair */

  /* Of the row group under way. */
  bool known; /* `facts` are the chunk's */
  struct lam_facts_column facts;
  bool bloom_read;
  struct lam_bytes bloom;         /* empty: none */
  struct lam_page_cursor *cursor; /* prune_pages.c: the page under way; NULL: it has no index */
};

/* A part of the condition; all of them must be TRUE. */
struct lam_prune_part {
  const struct lam_expr *condition;
  int32_t column; /* the only one that it names, or -1 */
};

struct lam_prune {
  struct lam_mem *mem;
  const struct lam_file *file; /* NULL: only its metadata are known */
  struct lam_byte_source bytes;
  uint64_t file_size;
  const char *name;
  const struct lam_file_meta *meta;
  const struct lam_expr *condition;
  const struct ArrowSchema *schema;
  struct lam_arena arena;       /* as long as this */
  struct lam_arena group_arena; /* of the row group under way */
  int32_t group;                /* that one, or -1 */
  int64_t rows;                 /* its rows */
  struct lam_prune_column *columns;
  int32_t column_count;
  struct lam_prune_node {
    const struct lam_expr *node;
    int32_t column;
  } * nodes; /* sorted by address */
  int32_t node_count;
  struct lam_prune_part *parts;
  int32_t part_count;
  struct lam_dictionary_probe *dictionaries; /* prune_dictionary.c; NULL until one is needed */
  struct lam_prune_counts counts;
};

/* What is known of an error that only says that something extra cannot be used: then LAM_OK, and *usable is false. */
static inline enum lam_status lam_prune_optional(enum lam_status status, bool *usable) {
  *usable = status == LAM_OK;
  return status == LAM_CORRUPT || status == LAM_UNSUPPORTED || status == LAM_LIMIT ? LAM_OK : status;
}

/* ---- prune_bounds.c ---- */

/* A chunk's or a page's bounds and counts, as they are written. */
struct lam_written_bounds {
  struct lam_bytes min, max; /* data NULL: absent */
  bool min_exact, max_exact;
  int64_t nulls, nans; /* -1: absent */
  int64_t rows;        /* that they are of: NULLs, NaNs and others */
};
/* As facts about the column's node; values are in `arena` or where the bounds are. */
enum lam_status lam_facts_of_bounds(const struct lam_file_meta *meta, const struct lam_prune_column *column,
                                    const struct lam_written_bounds *bounds, struct lam_arena *arena,
                                    struct lam_facts_column *out, struct lam_error *error);
/* A bound of the leaf's type as one of the node's; false where it cannot be that very value. */
bool lam_prune_to_node(const struct lam_prune_column *column, struct lam_scalar *bound);
/* What is known of a column in the whole row group under way. */
enum lam_status lam_facts_of_chunk(struct lam_prune *prune, struct lam_prune_column *column,
                                   struct lam_facts_column *out, struct lam_error *error);

/* ---- prune_dictionary.c ---- */

/* The outcomes of a part, over one column, for the entries of the column's dictionary and, where it may have one, for
 * NULL; all three where there is no dictionary that holds every value. */
enum lam_status lam_dictionary_decide(struct lam_prune *prune, int32_t part, unsigned *outcomes,
                                      struct lam_error *error);
void lam_dictionary_probe_close(struct lam_dictionary_probe *probe);

/* ---- prune.c ---- */

/* Finds the leaf that column->node, of `schema`, is in a file with the metadata (of which only the schema and its
 * creator count), or its constant; `sources` and `constants` as of lam_prune_open. */
enum lam_status lam_prune_resolve(const struct lam_file_meta *meta, const struct ArrowSchema *schema,
                                  const int32_t *sources, const struct lam_scalar *const *constants,
                                  struct lam_prune_column *column, struct lam_error *error);
struct lam_prune_column *lam_prune_column_of(const struct lam_prune *prune, const struct lam_expr *node);
/* Begins the row group, unless it is the one under way. */
enum lam_status lam_prune_begin(struct lam_prune *prune, int32_t row_group, struct lam_error *error);

#endif
