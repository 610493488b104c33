#define LAM_BASE_ERROR_DEFINE
#include "base/error.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *lam_status_name(enum lam_status status) {
  switch (status) {
    case LAM_OK: return "ok";
    case LAM_INVALID: return "invalid";
    case LAM_IO: return "io";
    case LAM_CORRUPT: return "corrupt";
    case LAM_UNSUPPORTED: return "unsupported";
    case LAM_LIMIT: return "limit";
    case LAM_NO_MEMORY: return "no memory";
    case LAM_NOT_FOUND: return "not found";
    case LAM_EXISTS: return "exists";
    case LAM_CONFLICT: return "conflict";
    case LAM_CANCELLED: return "cancelled";
  }
  return "unknown";
}

/* An older caller's struct may be shorter than ours: only what it has is written. */
static size_t message_room(const struct lam_error *error) {
  size_t head = offsetof(struct lam_error, message);
  size_t size = error->struct_size < sizeof *error ? error->struct_size : sizeof *error;
  return size > head ? size - head : 0;
}

/* A message that was cut must not end inside a character. */
static void trim_character(char *message, size_t length) {
  size_t start = length;
  while (start > 0 && length - start < 3 && ((uint8_t)message[start - 1] & 0xc0) == 0x80) start--;
  if (start == 0 || (uint8_t)message[start - 1] < 0xc0) return;
  uint8_t lead = (uint8_t)message[start - 1];
  size_t needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (length - (start - 1) < needed) message[start - 1] = 0;
}

/* A message is one line for a terminal, whatever bytes of a damaged file it quotes. */
static void mask_controls(char *message) {
  for (; *message; message++)
    if ((uint8_t)*message < 0x20 || *message == 0x7f) *message = '.';
}

static void set_message(struct lam_error *error, const char *format, va_list arguments) {
  size_t room = message_room(error);
  if (!room) return;
  int length = vsnprintf(error->message, room, format, arguments);
  if (length >= 0 && (size_t)length >= room) trim_character(error->message, room - 1);
  mask_controls(error->message);
}

/* Puts ": <text>" at the end of the message. */
static void append(struct lam_error *error, const char *text) {
  size_t room = message_room(error), length = room ? strlen(error->message) : 0;
  if (!room) return;
  int added = snprintf(error->message + length, room - length, ": %s", text);
  if (added >= 0 && (size_t)added >= room - length) trim_character(error->message, room - 1);
}

enum lam_status lam_fail(struct lam_error *error, enum lam_status status, const char *format, ...) {
  if (!error) return status;
  va_list arguments;
  va_start(arguments, format);
  error->status = status;
  set_message(error, format, arguments);
  va_end(arguments);
  return status;
}

static enum lam_status status_of_errno(int code) {
  switch (code) {
    case ENOENT: return LAM_NOT_FOUND;
    case EEXIST: return LAM_EXISTS;
    case ENOMEM: return LAM_NO_MEMORY;
    default: return LAM_IO;
  }
}

enum lam_status lam_fail_errno(struct lam_error *error, int code, const char *format, ...) {
  enum lam_status status = status_of_errno(code);
  if (!error) return status;
  va_list arguments;
  va_start(arguments, format);
  error->status = status;
  set_message(error, format, arguments);
  va_end(arguments);
  char text[128];
  /* The GNU strerror_r returns the text, which may or may not be in the buffer. */
  append(error, strerror_r(code, text, sizeof text));
  return status;
}

enum lam_status lam_fail_in(struct lam_error *error, enum lam_status status, const char *format, ...) {
  if (!error || status == LAM_OK) return status;
  size_t room = message_room(error);
  if (!room) return status;
  char inner[sizeof error->message];
  snprintf(inner, sizeof inner, "%s", error->message);
  va_list arguments;
  va_start(arguments, format);
  set_message(error, format, arguments);
  va_end(arguments);
  append(error, inner);
  return status;
}

void lam_error_copy(struct lam_error *to, const struct lam_error *from) {
  if (!to || !from || to == from) return;
  to->status = from->status;
  size_t room = message_room(to);
  if (room) snprintf(to->message, room, "%.*s", (int)message_room(from), from->message);
}
