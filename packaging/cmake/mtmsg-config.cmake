# find_package(mtmsg) gives the target mtmsg::mtmsg, the static library for one Lua, and mtmsg_LUA_VERSION, that Lua's
# version. Where it is installed for several, find_package(mtmsg COMPONENTS lua5.3) chooses; else it is the newest.
# The target does not bring Lua itself: the program is linked with the Lua that it runs, after mtmsg::mtmsg.
if(NOT WIN32)
    include(CMakeFindDependencyMacro)
    set(THREADS_PREFER_PTHREAD_FLAG ON)
    find_dependency(Threads)
endif()

set(mtmsg_lua ${mtmsg_FIND_COMPONENTS})
if(NOT mtmsg_lua)
    file(GLOB mtmsg_lua RELATIVE ${CMAKE_CURRENT_LIST_DIR} ${CMAKE_CURRENT_LIST_DIR}/mtmsg-lua[0-9].[0-9].cmake)
    list(SORT mtmsg_lua ORDER DESCENDING)
    list(GET mtmsg_lua 0 mtmsg_lua)
    string(REGEX REPLACE "mtmsg-(.*).cmake" "\\1" mtmsg_lua ${mtmsg_lua})
endif()
if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/mtmsg-${mtmsg_lua}.cmake)
    include(${CMAKE_CURRENT_LIST_DIR}/mtmsg-${mtmsg_lua}.cmake)
    string(REPLACE lua "" mtmsg_LUA_VERSION ${mtmsg_lua})
else()
    set(mtmsg_FOUND FALSE)
    set(mtmsg_NOT_FOUND_MESSAGE "mtmsg is not installed for ${mtmsg_lua}")
endif()
unset(mtmsg_lua)
