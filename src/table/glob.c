#include "table/glob.h"

#include <stddef.h>
#include <string.h>

bool lam_glob_has_wildcards(const char *text) {
  return strpbrk(text, "*?[") != NULL;
}

/* One part of a path: [p, end). */
struct part {
  const char *p, *end;
};

static struct part part_at(const char *text) {
  return (struct part){text, text + strcspn(text, "/")};
}
/* The start of the part behind, or NULL after the last. */
static const char *behind(struct part part) {
  return *part.end ? part.end + 1 : NULL;
}
static bool is_any_depth(struct part part) {
  return part.end - part.p == 2 && part.p[0] == '*' && part.p[1] == '*';
}

/* Matches the set that begins behind '['. *next is behind its ']', or NULL where there is none: then '[' is a plain
 * character. */
static bool match_set(const char *p, const char *end, char c, const char **next) {
  bool negate = p < end && (*p == '!' || *p == '^'), found = false;
  p += negate;
  *next = NULL;
  for (const char *first = p; p < end; p++) {
    if (*p == ']' && p != first) {
      *next = p + 1;
      return found != negate;
    }
    if (end - p > 2 && p[1] == '-' && p[2] != ']') {
      found = found || ((unsigned char)*p <= (unsigned char)c && (unsigned char)c <= (unsigned char)p[2]);
      p += 2;
    } else {
      found = found || *p == c;
    }
  }
  return false;
}

/* Matches one character of the text; *next is the rest of the pattern. */
static bool match_one(const char *p, const char *end, char c, const char **next) {
  if (p == end) return false;
  if (*p == '[') {
    bool found = match_set(p + 1, end, c, next);
    if (*next) return found;
  }
  *next = p + 1;
  return *p == '?' || *p == c;
}

/* Going back to the last star only is enough: what an earlier one could take, the last one can too. */
static bool match_part(struct part pattern, struct part text) {
  const char *star = NULL, *mark = NULL, *next;
  /* As in the shell, a dot in front is only matched by itself. */
  if (text.p < text.end && *text.p == '.' && (pattern.p == pattern.end || *pattern.p != '.')) return false;
  while (text.p < text.end) {
    if (pattern.p < pattern.end && *pattern.p == '*') {
      star = ++pattern.p, mark = text.p;
    } else if (match_one(pattern.p, pattern.end, *text.p, &next)) {
      pattern.p = next, text.p++;
    } else if (star) {
      pattern.p = star, text.p = ++mark;
    } else {
      return false;
    }
  }
  while (pattern.p < pattern.end && *pattern.p == '*') pattern.p++;
  return pattern.p == pattern.end;
}

/* The same over parts, with ** in the place of the star. */
bool lam_glob_match(const char *pattern, const char *key) {
  const char *star = NULL, *mark = NULL;
  while (key) {
    struct part part = pattern ? part_at(pattern) : (struct part){NULL, NULL};
    if (pattern && is_any_depth(part)) {
      pattern = star = behind(part), mark = key;
      if (!pattern) return true;
    } else if (pattern && match_part(part, part_at(key))) {
      pattern = behind(part), key = behind(part_at(key));
    } else if (star) {
      pattern = star, key = mark = behind(part_at(mark));
    } else {
      return false;
    }
  }
  return !pattern;
}

bool lam_glob_may_descend(const char *pattern, const char *key) {
  for (; key && *key; key = behind(part_at(key))) {
    struct part part = part_at(pattern);
    if (is_any_depth(part)) return true;
    if (!match_part(part, part_at(key)) || !behind(part)) return false;
    pattern = behind(part);
  }
  return true;
}
