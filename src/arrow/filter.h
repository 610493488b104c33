/* The rows of an array that a condition has chosen, as an array without the others. */
#ifndef LAM_ARROW_FILTER_H
#define LAM_ARROW_FILTER_H

#include "arrow/array.h"

/* Rows chosen of a batch, in their order. */
struct lam_selection {
  int64_t rows, count;    /* of the batch; of those chosen */
  int64_t first;          /* of one run of rows; where `indices` is NULL */
  const int32_t *indices; /* of the rows chosen */
};
/* From a bitmap of `rows` bits, `count` of which are set. Indices are in `buffer`. */
enum lam_status lam_selection_of_bits(const uint8_t *bits, int64_t rows, int64_t count, struct lam_buf *buffer,
                                      struct lam_selection *out, struct lam_error *error);

/* Memory of one column's output, filled again once nobody holds the array that was made in it. */
struct lam_filter_buffers {
  struct lam_shared *shared[3];
};
void lam_filter_buffers_release(struct lam_filter_buffers *buffers);

/* `array`, a column of the batch (plain, dictionary-encoded or nested), is consumed: where the rows chosen are one run
 * it is cut to it, else they are copied and its dictionary is moved. `kept` is NULL or from the call before. */
enum lam_status lam_filter_array(struct lam_mem *mem, const struct ArrowSchema *schema, struct ArrowArray *array,
                                 const struct lam_selection *selection, struct lam_filter_buffers *kept,
                                 struct ArrowArray *out, struct lam_error *error);

/* Rows [first, first + count) of an array that this library made, which share its buffers. */
enum lam_status lam_array_share(const struct ArrowArray *array, int64_t first, int64_t count, struct ArrowArray *out,
                                struct lam_error *error);
/* The values of a dictionary-encoded column of int32 indices and flat values without NULLs; `array` is consumed, `kept`
 * as above. A NULL has the first entry's bytes. */
enum lam_status lam_dictionary_decode(struct lam_mem *mem, const struct ArrowSchema *schema, struct ArrowArray *array,
                                      struct lam_filter_buffers *kept, struct ArrowArray *out, struct lam_error *error);
/* The reverse without looking at them: a dictionary of all rows, in which row i has entry i. `values` is consumed. */
enum lam_status lam_dictionary_of_rows(struct lam_mem *mem, struct ArrowArray *values, struct ArrowArray *out,
                                       struct lam_error *error);

#endif
