/* The types of elements, whatever their sizes are here. It owns nothing. */
#include "array.h"

#include "api.h"

size_t mtn_element_size(int type)
{
    switch (type) {
        case RECEIVER_UCHAR:
        case RECEIVER_SCHAR: return sizeof(char);
        case RECEIVER_SHORT:
        case RECEIVER_USHORT: return sizeof(short);
        case RECEIVER_INT:
        case RECEIVER_UINT: return sizeof(int);
        case RECEIVER_LONG:
        case RECEIVER_ULONG: return sizeof(long);
        case RECEIVER_FLOAT: return sizeof(float);
        case RECEIVER_DOUBLE: return sizeof(double);
        case RECEIVER_LLONG:
        case RECEIVER_ULLONG: return sizeof(long long);
        default: return 0;
    }
}

int mtn_type_here(int type, size_t size)
{
    if (size == 0) return 0;
    if (mtn_element_size(type) == size) return type;
    if (type == RECEIVER_LONG) {
        return size == sizeof(long long) ? RECEIVER_LLONG
               : size == sizeof(int)     ? RECEIVER_INT
                                         : 0;
    }
    if (type == RECEIVER_ULONG) {
        return size == sizeof(long long) ? RECEIVER_ULLONG
               : size == sizeof(int)     ? RECEIVER_UINT
                                         : 0;
    }
    return 0;
}
