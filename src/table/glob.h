/* Globs over keys: * and ? within a part, [a-z] and [!a-z] for one character, ** as a part for any number of parts. */
#ifndef LAM_TABLE_GLOB_H
#define LAM_TABLE_GLOB_H

#include <stdbool.h>

bool lam_glob_has_wildcards(const char *text);
bool lam_glob_match(const char *pattern, const char *key);
/* Whether something below the directory `key` could match. */
bool lam_glob_may_descend(const char *pattern, const char *key);

#endif
