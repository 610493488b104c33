/* What an import reads: Parquet tables and CSV, as one kind of stream of batches. */
#ifndef LAM_OPS_IMPORT_SOURCE_H
#define LAM_OPS_IMPORT_SOURCE_H

#include "lamella/table.h"
#include "table/table.h"

struct lam_import_source;

/* Opens a source: a Parquet file, directory or glob, a CSV file, or "-". Messages name it. */
enum lam_status lam_import_source_open(struct lam_mem *mem, const char *path, const struct lam_import_options *options,
                                       struct lam_import_source **out, struct lam_error *error);
/* The same where texts are read as the types that the columns of `like` have, unless options->types says another. */
enum lam_status lam_import_source_open_like(struct lam_mem *mem, const char *path,
                                            const struct lam_import_options *options, const struct ArrowSchema *like,
                                            struct lam_import_source **out, struct lam_error *error);
void lam_import_source_close(struct lam_import_source *source);
/* Standard input: it can be opened once only. */
bool lam_import_source_once(const char *path);
const struct ArrowSchema *lam_import_source_schema(const struct lam_import_source *source);
/* Plain columns; at the end `out->release` is NULL. */
enum lam_status lam_import_source_next(struct lam_import_source *source, struct ArrowArray *out,
                                       struct lam_error *error);
uint64_t lam_import_source_files(const struct lam_import_source *source);
/* Bytes of its files; of standard input, those read so far. */
uint64_t lam_import_source_bytes(const struct lam_import_source *source);
uint64_t lam_import_source_rows(const struct lam_import_source *source); /* 0: not known beforehand */

#endif
