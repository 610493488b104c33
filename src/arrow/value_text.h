/* Values as text and back: for CSV, JSON, literals of expressions and names of partition directories.
 * Exact both ways and independent of the locale; docs/csv.md describes the forms. */
#ifndef LAM_ARROW_VALUE_TEXT_H
#define LAM_ARROW_VALUE_TEXT_H

#include "arrow/array.h"

/* Bytes that the text of a fixed-width value (fixed-size binaries aside) takes at most. */
enum { LAM_VALUE_TEXT_ROOM = 192 };

/* Writes the text of a value of a fixed-width type, other than fixed-size binary, and returns its length;
 * no NUL. A boolean is one byte, 0 or 1; others are as in their Arrow buffer, at any alignment. */
size_t lam_value_format(const struct lam_type *type, const void *value, char *out);
/* Appends the text of a row of a flat column, through its dictionary where it has one. A null appends
 * nothing; strings are as they are, binaries in hexadecimal digits. */
enum lam_status lam_value_text(const struct lam_view *view, int64_t row, struct lam_buf *out, struct lam_error *error);
/* Appends bytes as lower-case hexadecimal digits. */
enum lam_status lam_hex_append(struct lam_buf *out, struct lam_bytes bytes, struct lam_error *error);
/* The same, with dashes where they are a UUID's 16: of a column that lam_is_uuid. */
enum lam_status lam_binary_append(struct lam_buf *out, struct lam_bytes bytes, bool uuid, struct lam_error *error);
/* Whether the column is marked `arrow.uuid`. */
bool lam_is_uuid(const struct ArrowSchema *schema);

/* Reads a value of any fixed-width type (intervals aside) into `out`, which has the type's width (one byte for
 * a boolean). Returns NULL, or what is wrong with the text, to be put after "…is not a value of type T: ". */
const char *lam_value_scan(const struct lam_type *type, struct lam_bytes text, void *out);
/* As lam_value_scan; LAM_INVALID quotes the text and names the type. */
enum lam_status lam_value_parse(const struct lam_type *type, struct lam_bytes text, void *out, struct lam_error *error);
/* Appends the value of a text to a column of any flat type; strings must be UTF-8. */
enum lam_status lam_value_build(struct lam_builder *builder, struct lam_bytes text, struct lam_error *error);
/* The text in quotes for a message, cut where it is long, with '.' for control characters. `room` of 72 is usual. */
const char *lam_text_quote(struct lam_bytes text, char *out, size_t room);

bool lam_utf8_valid(struct lam_bytes text);
/* Bytes of the valid UTF-8 character at the start of a text that is not empty; 0 if there is none. */
size_t lam_utf8_length(struct lam_bytes text);

/* ---- what the above is made of ---- */

/* The shortest text that reads back to the same value: "1.0", "0.1", "1e+16", "nan", "-inf". Any room of 32. */
size_t lam_double_format(double value, char *out);
size_t lam_float_format(float value, char *out);
/* Correctly rounded; NULL or what is wrong. */
const char *lam_double_scan(struct lam_bytes text, double *out);
const char *lam_float_scan(struct lam_bytes text, float *out);

float lam_half_to_float(uint16_t half);
/* Rounds to nearest, ties to even; too large values become infinite. */
uint16_t lam_half_of_double(double value);

size_t lam_uint_format(uint64_t value, char *out);
size_t lam_int_format(int64_t value, char *out);

#endif
