# cmake -DOUTPUT=FILE -DNAMES="a;b" -DFILES="path;path" -P embed.cmake: writes C++ that holds the files' bytes, as
# `std::string_view NAME()` in treeline::report_assets.
set(text "#include \"report/assets.h\"\n\nnamespace treeline::report_assets {\n\n")
foreach(name file IN ZIP_LISTS NAMES FILES)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND text "static constexpr unsigned char k_${name}[] = {${bytes}};\n"
                     "std::string_view ${name}() {\n"
                     "  return {reinterpret_cast<const char*>(k_${name}), sizeof k_${name}};\n}\n\n")
endforeach()
string(APPEND text "}  // namespace treeline::report_assets\n")
file(WRITE ${OUTPUT} "${text}")
