/* A rotation: rows of one partition go into staged files, one after the other, each ended when it has
 * reached its target. A finished file is opened again and checked before it may be committed. */
#ifndef LAM_OPS_ROTATION_H
#define LAM_OPS_ROTATION_H

#include "base/uuid.h"
#include "ops/content_hash.h"
#include "parquet/writer.h"
#include "table/commit.h"

enum { LAM_TARGET_SIZE = 128000000 }; /* bytes of a file where nothing else is asked for */

struct lam_rotation_options {
  struct lam_stage *stage; /* NULL: a dry run */
  struct lam_store *store; /* where staged files are written: the meta store, or one that discards */
  const char *directory;   /* key of the partition in the data store */
  const char *stem;        /* final names are "<stem>-<uuid>.parquet", sorted as they were written */
  const struct ArrowSchema *schema;
  struct lam_write_options write;
  uint64_t target_size;          /* bytes of a file */
  int64_t rows_per_file;         /* 0: no bound of rows */
  struct lam_content_hash *hash; /* gets what the written files hold, read back; NULL: not asked for */
  /* A file that is continued in place, and what the snapshot says of it: what is written is one tail for it, and row
   * groups that are copied from it stay where they are. NULL: files are new. */
  const struct lam_file *base;
  const struct lam_data_file *data;
};

struct lam_rotation_file {
  const char *staged, *key;
  uint64_t bytes, rows, row_groups;
};

struct lam_rotation {
  struct lam_rotation_options options;
  struct lam_mem *mem;
  struct lam_arena arena;
  struct lam_writer *writer; /* NULL between files */
  struct lam_rotation_file *files;
  size_t file_count, file_room;
  struct lam_span *spans; /* of the tail for `base`, once it is finished */
  size_t span_count;
  char uuid[LAM_UUID_ROOM]; /* of the last name */
  int64_t file_rows;        /* of the file under way */
};

/* `options` and what it points at outlive the rotation. */
void lam_rotation_init(struct lam_rotation *rotation, const struct lam_rotation_options *options, struct lam_mem *mem);
/* An unfinished file is removed; finished ones are the stage's. */
void lam_rotation_release(struct lam_rotation *rotation);
enum lam_status lam_rotation_write(struct lam_rotation *rotation, const struct ArrowArray *batch,
                                   struct lam_error *error);
/* Rows [first, first + count) of it. Columns behind those of options.schema are not written. */
enum lam_status lam_rotation_write_rows(struct lam_rotation *rotation, const struct ArrowArray *batch, int64_t first,
                                        int64_t count, struct lam_error *error);
/* Whether a file that ends before this row group, and one that ends behind it, are more than a tenth off the target. */
bool lam_rotation_misses(const struct lam_rotation *rotation, const struct lam_file *from, int32_t row_group);
enum lam_status lam_rotation_copy(struct lam_rotation *rotation, const struct lam_file *from, int32_t row_group,
                                  struct lam_error *error);
/* Ends the last file; with no rows at all, one empty file is made where `at_least_one` is set. */
enum lam_status lam_rotation_finish(struct lam_rotation *rotation, bool at_least_one, struct lam_error *error);
/* Makes the file under way, if there is none, so that its layout can be asked for. */
enum lam_status lam_rotation_open(struct lam_rotation *rotation, struct lam_error *error);
/* Adds the finished files to a change. */
enum lam_status lam_rotation_add_to(const struct lam_rotation *rotation, struct lam_change *change,
                                    struct lam_error *error);

#endif
