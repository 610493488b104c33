/* Names of what a footer says, for `inspect`. */
#ifndef LAM_CLI_INSPECT_NAMES_H
#define LAM_CLI_INSPECT_NAMES_H

#include "base/memory.h"
#include "parquet/schema.h"

enum { NAME_ROOM = 96 };

const char *repetition_name(int repetition);
const char *page_kind_name(enum lam_page_kind kind);
/* "FIXED_LEN_BYTE_ARRAY(16)"; NULL for a group. */
const char *physical_text(const struct lam_schema_node *node, char *out);
/* "DECIMAL(10,2)", "TIMESTAMP(micros, utc)"; NULL where there is none. */
const char *logical_text(const struct lam_logical *logical, char *out);
const char *converted_text(const struct lam_schema_node *node, char *out);
/* Appends "a.list.element". */
enum lam_status path_text(const struct lam_file_meta *meta, int32_t leaf, struct lam_buf *out, struct lam_error *error);

#endif
