# Tells what an image can do, in lines that image_check.cpp reads. `wanted` is set before it: the packages
# that are to load, or NULL for all that are installed.
local({
  .libPaths(character()) # the image's own, and nobody's R_LIBRARY
  tell <- function(...) cat("omcp-check", ..., "\n", sep = "\t")
  installed <- utils::installed.packages(fields = "Priority")
  if (is.null(wanted)) wanted <- rownames(installed)[!installed[, "Priority"] %in% "base"]
  tell("r", as.character(getRversion()), R.version$platform)
  tell("utf8", l10n_info()[["UTF-8"]])
  tell("cairo", capabilities("cairo"))
  covers <- function(language) {
    found <- tryCatch(suppressWarnings(system2("fc-list", c(paste0(":lang=", language), "family"), TRUE, FALSE)),
                      error = function(e) NULL)
    length(found) > 0L
  }
  tell("fonts", paste(c("Chinese, Japanese and Korean", "Devanagari", "Tamil")[
    !vapply(c("zh-cn", "hi", "ta"), covers, NA)], collapse = "; "))
  tell("compiler", any(nzchar(Sys.which(c("gcc", "cc", "clang")))))
  for (name in wanted) {
    problem <- tryCatch({
      utils::capture.output(suppressWarnings(suppressMessages(loadNamespace(name))))
      ""
    }, error = conditionMessage)
    version <- if (name %in% rownames(installed)) installed[name, "Version"] else ""
    tell("package", name, version, gsub("[[:cntrl:]]+", " ", substr(paste(problem, collapse = " "), 1L, 300L)))
  }
  tell("end")
})
