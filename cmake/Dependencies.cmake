# The libraries we stand on, all from the distribution. A missing one is named with its Debian package.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# module of pkg-config : Debian package
set(LAM_PKG_CONFIG_MODULES
    libzstd:libzstd-dev
    liblz4:liblz4-dev
    libdeflate:libdeflate-dev
    libbrotlienc:libbrotli-dev
    libbrotlidec:libbrotli-dev
    libxxhash:libxxhash-dev
    jansson:libjansson-dev)

set(LAM_DEPENDENCIES Threads::Threads m)
set(missing)
set(LAM_PC_REQUIRES)
foreach(entry IN LISTS LAM_PKG_CONFIG_MODULES)
  string(REPLACE ":" ";" entry ${entry})
  list(GET entry 0 module)
  list(GET entry 1 package)
  pkg_check_modules(${module} QUIET IMPORTED_TARGET ${module})
  if(${module}_FOUND)
    list(APPEND LAM_DEPENDENCIES PkgConfig::${module})
    list(APPEND LAM_PC_REQUIRES ${module})
  else()
    list(APPEND missing ${package})
  endif()
endforeach()

if(LAM_TESTS)
  pkg_check_modules(cmocka QUIET IMPORTED_TARGET cmocka)
  pkg_check_modules(snappy QUIET IMPORTED_TARGET snappy) # ours is tested against it
  if(NOT snappy_FOUND)
    list(APPEND missing libsnappy-dev)
  endif()
endif()

if(missing)
  list(REMOVE_DUPLICATES missing)
  list(JOIN missing " " missing)
  message(FATAL_ERROR "Libraries are missing. On Debian: apt install ${missing} (scripts/bootstrap.sh does it)")
endif()
