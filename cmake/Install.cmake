# Headers, libraries, the command, its man page and completion, and what other builds find us by.
include(CMakePackageConfigHelpers)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/lamella DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS ${libraries} EXPORT lamella LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
                                            ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET lamella)
  install(TARGETS lamella RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES ${PROJECT_SOURCE_DIR}/docs/lamella.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL)
install(FILES ${PROJECT_SOURCE_DIR}/completions/lamella.bash
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME lamella OPTIONAL)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lamella)
install(EXPORT lamella NAMESPACE lamella:: FILE lamella-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/lamella-config.cmake.in lamella-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(lamella-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lamella-config.cmake ${PROJECT_BINARY_DIR}/lamella-config-version.cmake
        DESTINATION ${package_dir})

# Relative, so that an installed tree can be moved and `cmake --install --prefix` works.
file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" prefix_from_pc ${prefix_from_pc})
list(JOIN LAM_PC_REQUIRES " " LAM_PC_REQUIRES)
configure_file(${CMAKE_CURRENT_LIST_DIR}/lamella.pc.in lamella.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lamella.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
