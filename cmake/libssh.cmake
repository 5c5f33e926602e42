# libssh for gateway/: Debian's static archive with our --wrap shims (gateway/ssh_shim*.cc), or the
# shared library without them.
add_library(gatetape_libssh INTERFACE)
if(GATETAPE_LIBSSH_SHARED)
  target_compile_definitions(gatetape_libssh INTERFACE GATETAPE_LIBSSH_SHARED)
  target_link_libraries(gatetape_libssh INTERFACE ssh)
else()
  find_library(LIBSSH_ARCHIVE libssh.a REQUIRED)
  set(wrapped
    _ssh_buffer_pack channel_rcv_request ssh_packet_channel_open ssh_packet_global_request
    ssh_packet_userauth_request ssh_find_all_matching crypt_set_algorithms_server
    ssh_key_type_from_signature_name ssh_get_key_params recv send poll)
  list(TRANSFORM wrapped PREPEND "-Wl,--wrap=")
  target_link_options(gatetape_libssh INTERFACE ${wrapped})
  target_link_libraries(gatetape_libssh INTERFACE ${LIBSSH_ARCHIVE} OpenSSL::Crypto z
    -l:libgssapi_krb5.so.2 Threads::Threads)
endif()
target_link_libraries(gatetape_gateway PUBLIC gatetape_libssh)
