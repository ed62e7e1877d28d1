/* Faults on demand: a file of a fault's name in $VIRTUALPI_FAULTS brings it about, for as long as it is there. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "shim.h"

bool fault_is_on(const char *name)
{
    const char *directory = getenv("VIRTUALPI_FAULTS");
    char path[512];
    if (!directory || snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return false;
    return access(path, F_OK) == 0;
}
