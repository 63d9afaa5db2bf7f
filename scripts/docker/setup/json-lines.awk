# Prints every scalar of a JSON5 text as `path<TAB>value`, one a line, such as
# `gateway.auth.token<TAB>abc` or `agents.list.0.id<TAB>main`. An empty object or array has no
# line. Line breaks in strings come out as `\n`. Exits 1 when the text is no JSON5.
#
# Needs LC_ALL=C: it goes byte by byte.

{ text = text $0 "\n" }

END {
  at = 1
  size = length(text)
  if (substr(text, 1, 3) == "\357\273\277") at = 4
  value("")
  skip()
  if (at <= size) bad = 1
  exit bad
}

function skip(   c, rest, end) {
  while (at <= size) {
    c = substr(text, at, 1)
    if (c ~ /[ \t\r\n\f\v]/) { at++; continue }
    rest = substr(text, at, 2)
    if (rest == "//") {
      end = index(substr(text, at), "\n")
      at = end ? at + end : size + 1
      continue
    }
    if (rest == "/*") {
      end = index(substr(text, at + 2), "*/")
      if (!end) { stop(); return }
      at += end + 3
      continue
    }
    return
  }
}

function stop() { bad = 1; at = size + 1 }

function quoted(   mark, out, c) {
  mark = substr(text, at++, 1)
  out = ""
  while (at <= size) {
    c = substr(text, at++, 1)
    if (c == mark) return out
    if (c == "\\") {
      c = substr(text, at++, 1)
      if (c == "n" || c == "\n") { if (c == "n") out = out "\\n"; continue }
      if (c == "t") { out = out "\t"; continue }
      if (c == "u" || c == "x") { out = out "\\" c; continue }
    }
    out = out c
  }
  stop()
  return out
}

function bare(   out, c) {
  out = ""
  while (at <= size) {
    c = substr(text, at, 1)
    if (c ~ /[]{}[,: \t\r\n\/"']/) break
    out = out c
    at++
  }
  if (out == "") stop()
  return out
}

function value(path,   c, key, count) {
  skip()
  c = substr(text, at, 1)
  if (c == "{" || c == "[") {
    at++
    for (count = 0; at <= size; count++) {
      skip()
      if (substr(text, at, 1) == (c == "{" ? "}" : "]")) { at++; return }
      key = count
      if (c == "{") {
        key = substr(text, at, 1) ~ /["']/ ? quoted() : bare()
        skip()
        if (substr(text, at++, 1) != ":") { stop(); return }
      }
      value(path == "" ? key : path "." key)
      skip()
      if (substr(text, at, 1) == ",") at++
    }
    stop()
    return
  }
  print path "\t" (c ~ /["']/ ? quoted() : bare())
}
