/* Status codes and the error that explains them.
 *
 * Every function of the library that can fail returns `enum lam_status` and takes, as its last
 * argument, a `struct lam_error *` that may be NULL. A failed call leaves its outputs released.
 *
 * Structs that the caller allocates begin with `struct_size`, are filled by their LAM_…_INIT, and only ever grow at
 * the end, so that a program built with an older header works with a newer library. Options that were not filled are
 * refused; an error or a result that was not filled is left as it is. Elements of arrays (columns, sort keys) have no
 * such field and never grow. */
#ifndef LAMELLA_STATUS_H
#define LAMELLA_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LAM_API __attribute__((visibility("default")))
#else
#define LAM_API
#endif

enum lam_status {
  LAM_OK = 0,
  LAM_INVALID = 1,     /* an argument, an option or an input value is wrong */
  LAM_IO = 2,          /* the system refused or failed an operation on a store */
  LAM_CORRUPT = 3,     /* a file contradicts its format, or its checksum */
  LAM_UNSUPPORTED = 4, /* a valid file or request that this version cannot serve */
  LAM_LIMIT = 5,       /* the memory limit of the context would be passed */
  LAM_NO_MEMORY = 6,   /* the allocator returned nothing */
  LAM_NOT_FOUND = 7,   /* no such object, column or partition */
  LAM_EXISTS = 8,      /* the object is there already */
  LAM_CONFLICT = 9,    /* another writer changed what was read; nothing was changed */
  LAM_CANCELLED = 10,  /* lam_context_cancel was called, or a callback asked to stop */
};

/* One failure, for a person: what was being done, to which file or key, at which offset, row or
 * column, what was expected and what was found. UTF-8, NUL-terminated, no newline at the end.
 * Allocated by the caller and filled with LAM_ERROR_INIT; `struct_size` says how much of the struct
 * the caller knows, and the struct only ever grows at its end. After a call that returned LAM_OK it holds
 * nothing of use: perhaps what was tried first and did not matter. */
struct lam_error {
  uint32_t struct_size;
  enum lam_status status;
  char message[1016];
};

#define LAM_ERROR_INIT \
  { sizeof(struct lam_error), LAM_OK, "" }

/* A short name in lower case ("corrupt", "conflict"), for logs and JSON. Never NULL. */
LAM_API const char *lam_status_name(enum lam_status status);

#ifdef __cplusplus
}
#endif
#endif
