# lamella_flags: what every object of this build needs. lamella_strict: the warnings our own code holds.
add_library(lamella_flags INTERFACE)
target_compile_definitions(lamella_flags INTERFACE _GNU_SOURCE)
target_include_directories(lamella_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_options(lamella_flags INTERFACE -Wall -Wextra -Wconversion $<$<BOOL:${LAM_WERROR}>:-Werror>
                                               -fvisibility=hidden -fno-plt)
add_library(lamella_strict INTERFACE)
target_compile_options(lamella_strict INTERFACE -Wmissing-prototypes -Wstrict-prototypes -Wvla)

# -O3 for the vectoriser, which the kernels rely on; line tables so that profiles and traces have
# names. The machine is a plain x86-64: faster instructions come from LAM_KERNEL of base/kernel.h.
set(CMAKE_C_FLAGS_RELEASE "-O3 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g")

if(LAM_SANITIZE)
  target_compile_options(lamella_flags INTERFACE -fsanitize=${LAM_SANITIZE} -fno-sanitize-recover=all
                                                 -fno-omit-frame-pointer -O1 -g)
  target_link_options(lamella_flags INTERFACE -fsanitize=${LAM_SANITIZE})
endif()
if(LAM_FUZZ)
  target_compile_options(lamella_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(LAM_COVERAGE)
  target_compile_options(lamella_flags INTERFACE --coverage -O1 -fprofile-update=atomic)
  target_link_options(lamella_flags INTERFACE --coverage)
endif()
