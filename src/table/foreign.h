/* Directories that other systems keep: rewriting their files would destroy their tables. */
#ifndef LAM_TABLE_FOREIGN_H
#define LAM_TABLE_FOREIGN_H

#include "store/store.h"

/* "Delta Lake" for "_delta_log" and so on; NULL for a name that marks nothing by itself. */
const char *lam_foreign_mark(const char *name);

/* *format is the format of the table whose root is the directory `key` (static text), and *mark the entry that says
 * so; NULL where there is none. Looks for _delta_log, .hoodie, _spark_metadata, metadata/<any>.metadata.json. */
enum lam_status lam_foreign_find(struct lam_store *store, const char *key, const char **format, const char **mark,
                                 struct lam_error *error);

/* For a local store: looks in the table's root, and in every directory above it. LAM_UNSUPPORTED names what it found:
 * another format's mark, or our own state ("<directory>.lamella") of a table that this one is a part of. */
enum lam_status lam_foreign_refuse(struct lam_store *data, struct lam_error *error);

#endif
