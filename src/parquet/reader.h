/* Readers inside the library, beyond parquet/file.h. */
#ifndef LAM_PARQUET_READER_H
#define LAM_PARQUET_READER_H

#include "parquet/file.h"

/* Points a reader that was opened for exactly one row group at another one; its buffers are kept. */
void lam_reader_select(struct lam_reader *reader, int32_t row_group);

#endif
