/* Lamella: tables of Parquet files. This header is the whole public interface. */
#ifndef LAMELLA_LAMELLA_H
#define LAMELLA_LAMELLA_H

#include "lamella/arrow.h"
#include "lamella/change.h"
#include "lamella/context.h"
#include "lamella/parquet.h"
#include "lamella/sidecar.h"
#include "lamella/status.h"
#include "lamella/table.h"

#endif
