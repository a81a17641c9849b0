// A program without a test of its own: its headers are what the tests share precompiled (see CMakeLists.txt).
#include <gtest/gtest.h>
