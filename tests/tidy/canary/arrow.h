// A block that reaches up.
#pragma once
#include "s3/s3_server.h"
