# libssh for gateway/ssh: Debian's static archive (libssh-dev) with our --wrap shims in
# gateway/ssh/shim*.cc. A --wrap works on calls between the archive's objects only; the tests
# gateway_ssh_* fail when one of them stops working.
find_library(LIBSSH_ARCHIVE libssh.a REQUIRED)
set(wrapped
  _ssh_buffer_pack channel_rcv_data channel_rcv_request ssh_packet_channel_success ssh_packet_channel_failure
  ssh_packet_channel_open_conf ssh_packet_channel_open_fail
  ssh_packet_global_request ssh_packet_userauth_request ssh_packet_userauth_banner
  ssh_packet_disconnect_callback ssh_packet_kexinit ssh_packet_newkeys ssh_packet_hmac_verify
  ssh_packet_ignore_callback ssh_buffer_get_u8 ssh_socket_write ssh_socket_close
  ssh_options_set_algo crypt_set_algorithms_server ssh_key_type_from_signature_name
  ssh_dh_import_next_pubkey_blob recv send poll close)
list(TRANSFORM wrapped PREPEND "-Wl,--wrap=")
add_library(gatetape_libssh INTERFACE)
target_link_options(gatetape_libssh INTERFACE ${wrapped})
target_link_libraries(gatetape_libssh INTERFACE ${LIBSSH_ARCHIVE} OpenSSL::Crypto z
  -l:libgssapi_krb5.so.2 Threads::Threads)
