/* Scans inside the library, beyond lamella/table.h. */
#ifndef LAM_TABLE_SCAN_H
#define LAM_TABLE_SCAN_H

#include "base/ranges.h"
#include "lamella/table.h"

/* Only these of the table's rows, numbered in the order of the scan, are looked at: files that hold none of them are
 * not opened. Before the first batch; it outlives the scan. */
void lam_scan_sample(struct lam_scan *scan, const struct lam_spread *sample);

#endif
