/* The types of columns of texts (CSV, JSON), from a sample of their values. */
#ifndef LAM_OPS_CSV_INFER_H
#define LAM_OPS_CSV_INFER_H

#include "arrow/type.h"

enum lam_csv_kind {
  LAM_CSV_NOTHING, /* no value yet */
  LAM_CSV_BOOL,
  LAM_CSV_INT,
  LAM_CSV_SPECIAL, /* "nan", "inf": numbers only in the company of numbers */
  LAM_CSV_DOUBLE,
  LAM_CSV_DATE,
  LAM_CSV_TIMESTAMP,
  LAM_CSV_TIMESTAMP_ZONE,
  LAM_CSV_STRING,
};
struct lam_csv_guess {
  enum lam_csv_kind kind;
  bool nanoseconds; /* some timestamp has more than six digits of a second */
};

/* Takes a value that is not null into account. */
void lam_csv_observe(struct lam_csv_guess *guess, struct lam_bytes text);
/* The same of a string that is known to be one: only dates, timestamps and special numbers are told apart. */
void lam_csv_observe_string(struct lam_csv_guess *guess, struct lam_bytes text);
void lam_csv_observe_kind(struct lam_csv_guess *guess, enum lam_csv_kind kind);
struct lam_type lam_csv_type_of(const struct lam_csv_guess *guess);

#endif
