/* The proleptic Gregorian calendar, for any year that 64 bits of days reach. */
#ifndef LAM_ARROW_CALENDAR_H
#define LAM_ARROW_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#define LAM_SECONDS_OF_DAY 86400

struct lam_civil {
  int64_t year; /* 0 is 1 BC, as ISO 8601 counts */
  int month, day;
};

static inline int64_t lam_floor_div(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
/* In [0, b) for b > 0. */
static inline int64_t lam_floor_mod(int64_t a, int64_t b) {
  int64_t rest = a % b;
  return rest < 0 ? rest + b : rest;
}

static inline bool lam_is_leap_year(int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}
static inline int lam_days_of_month(int64_t year, int month) {
  if (month == 2) return lam_is_leap_year(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Days since 1970-01-01. Years are counted from March, so that the leap day is the last one; 400 years
 * (an era) have 146,097 days. Method: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static inline int64_t lam_days_of_civil(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = lam_floor_div(year, 400), year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}
static inline struct lam_civil lam_civil_of_days(int64_t days) {
  days += 719468;
  int64_t era = lam_floor_div(days, 146097), day_of_era = days - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * day_of_year + 2) / 153;
  int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
  month += month < 10 ? 3 : -9;
  return (struct lam_civil){year_of_era + era * 400 + (month <= 2), (int)month, (int)day};
}

#endif
