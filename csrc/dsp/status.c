#include "talkpath/talkpath.h"

const char *tp_strerror(int status)
{
    switch (status) {
    case TP_OK: return "no error";
    case TP_ECONFIG: return "a configuration value is out of range";
    case TP_EFORMAT: return "the data is not in the expected format";
    case TP_ELENGTH: return "the buffer has the wrong length";
    case TP_ESTATE: return "not possible in this state";
    default: return "unknown status";
    }
}
