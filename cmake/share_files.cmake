# Files that `gatetape export -o bundle` puts into bundles. They lie in share/gatetape beside bin, in the build folder and
# where gatetape is installed. client/player/build does not fail without npm or its registry: only the page is missing
# then, the next build tries again, and an installation fails.
set(player ${CMAKE_BINARY_DIR}/share/gatetape/player.html)
file(GLOB player_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/client/player/*)
add_custom_command(OUTPUT ${player}
  COMMAND ${CMAKE_SOURCE_DIR}/client/player/build ${player} ${CMAKE_BINARY_DIR}/player
  DEPENDS ${player_sources} COMMENT "" VERBATIM)
add_custom_target(player ALL DEPENDS ${player})
add_dependencies(gatetape player)
install(FILES ${player} DESTINATION share/gatetape)

# The second verifier needs Python alone. A bundle holds it as verify.py.
configure_file(${CMAKE_SOURCE_DIR}/tools/verify_bundle.py ${CMAKE_BINARY_DIR}/share/gatetape/verify_bundle.py COPYONLY)
install(PROGRAMS ${CMAKE_SOURCE_DIR}/tools/verify_bundle.py DESTINATION share/gatetape)
