#include "commands/dockerfile.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "commands/lines.hpp"

namespace omcp_r::commands {
namespace {

/// R itself, and what plots need to be readable in any script.
const std::vector<std::string> kFonts{
    "fontconfig",       "fonts-dejavu-core", "fonts-wqy-microhei", "fonts-lohit-deva",
    "fonts-lohit-gujr", "fonts-lohit-guru",  "fonts-lohit-knda",   "fonts-lohit-mlym",
    "fonts-lohit-orya", "fonts-lohit-taml",  "fonts-lohit-telu",   "fonts-lohit-beng-bengali",
    "tzdata",           "ca-certificates"};
const std::vector<std::string> kR{"r-base-core", "r-recommended"};

/// Of R itself: nowhere to be had alone.
constexpr std::array<std::string_view, 14> kBasePackages{
    "base",     "compiler", "datasets", "grDevices", "graphics", "grid",  "methods",
    "parallel", "splines",  "stats",    "stats4",    "tcltk",    "tools", "utils"};

constexpr const char* kLibrary = "/usr/local/lib/R/site-library";

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// The words, in lines that can be read.
std::string lines_of(const std::vector<std::string>& words) {
  constexpr std::size_t kWidth = 96;
  std::string text;
  std::string line = "     ";
  for (const std::string& word : words) {
    if (line.size() + word.size() + 1 > kWidth) {
      text += line + " \\\n";
      line = "     ";
    }
    line += " " + word;
  }
  return text + line;
}

std::string install_step(const std::vector<std::string>& packages) {
  return "RUN apt-get update -q -o APT::Update::Error-Mode=any \\\n && "
         "DEBIAN_FRONTEND=noninteractive apt-get install -q -y "
         "--no-install-recommends \\\n      -o DPkg::Options::=--force-unsafe-io \\\n" +
         lines_of(packages) +
         " \\\n && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/* "
         "/usr/share/man/*\n";
}

/// Sets R's options so that it gets binaries where they are to be had. Posit's package manager
/// tells by the user agent which R asks (docs.posit.co/rspm/admin/serving-binaries.html).
std::string repositories(const Wanted& wanted, const Base& base) {
  std::string repos;
  if (!wanted.cran.empty()) {
    repos = "repos = c(CRAN = \"" + wanted.cran + "\")";
  } else if (base.own_r) {
    repos = "repos = c(getOption(\"repos\"), CRAN = \"https://cloud.r-project.org\")";
  } else {
    repos = "repos = c(P3M = \"https://packagemanager.posit.co/cran/__linux__/" + base.codename +
            "/latest\", CRAN = \"https://cloud.r-project.org\")";
  }
  return "options(" + repos +
         ", timeout = 600, Ncpus = parallel::detectCores(), HTTPUserAgent = sprintf(\"R/%s R "
         "(%s)\", getRversion(), paste(getRversion(), R.version$platform, R.version$arch, "
         "R.version$os)))";
}

std::string from_cran(const Wanted& wanted, const Base& base,
                      const std::vector<std::string>& packages) {
  std::vector<std::string> tools{"build-essential", "gfortran"};
  if (!base.own_r) tools = {"r-base-dev"};
  const bool has_renv = !base.own_r && base.available.contains("r-cran-renv");
  if (wanted.renv && has_renv) tools.emplace_back("r-cran-renv");
  std::string text =
      "\n# What the distribution does not have, with compilers that stay in this stage.\n"
      "FROM r AS cran\n" +
      install_step(tools);
  const std::string options = repositories(wanted, base);
  text += "RUN mkdir -p " + std::string(kLibrary) + "\n";
  if (!packages.empty()) {
    text += "RUN Rscript -e '" + options + "' \\\n  -e 'install.packages(" + r_vector(packages) +
            ", lib = \"" + kLibrary + "\")'\n";
  }
  if (wanted.renv) {
    text += "COPY renv.lock /renv/renv.lock\nRUN Rscript -e '" + options +
            "' \\\n  -e 'if (!requireNamespace(\"renv\", quietly = TRUE)) "
            "install.packages(\"renv\")' \\\n  -e 'renv::restore(lockfile = "
            "\"/renv/renv.lock\", library = \"" +
            kLibrary + "\", repos = getOption(\"repos\"), prompt = FALSE)'\n";
  }
  return text + "\nFROM r\nCOPY --from=cran " + kLibrary + " " + kLibrary + "\n";
}

std::string ending(const Wanted& wanted) {
  std::string text =
      "\n# Nothing that gives rights, and fonts that are ready: fontconfig keeps its cache for "
      "folders\n"
      "# of the same time, and images keep whole seconds only.\n"
      "RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} + \\\n"
      " && find /usr/share/fonts /usr/local/share/fonts -type d -exec touch -d 2020-01-01 {} + \\\n"
      " && fc-cache -f -s\n";
  if (!wanted.compiler) {
    text +=
        "RUN rm -rf /usr/lib/gcc/*/*/cc1* /usr/lib/gcc/*/*/f951 /usr/libexec/gcc \\\n"
        "      /usr/bin/*gcc* /usr/bin/*g++* /usr/bin/*gfortran* /usr/bin/cc /usr/bin/c++ "
        "/usr/bin/*-cpp* \\\n"
        "      /usr/bin/as /usr/bin/*-as /usr/bin/ld /usr/bin/ld.* /usr/bin/*-ld /usr/bin/*-ld.*\n";
  }
  return text;
}

/// The rest of the line after its first word, where that is `key`.
bool starts(std::string_view line, std::string_view key, std::string& value) {
  if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') return false;
  value = line.substr(key.size() + 1);
  return true;
}

}  // namespace

std::string base_questions() {
  return R"sh([ -r /etc/os-release ] && . /etc/os-release
echo "codename ${VERSION_CODENAME:-none}"
command -v apt-get >/dev/null || exit 0
echo "apt yes"
if r=$(command -v R); then
  echo "r $(Rscript -e 'cat(as.character(getRversion()))')"
  dpkg -S "$(readlink -f "$r")" >/dev/null 2>&1 || echo "own yes"
fi
apt-get update -q -o APT::Update::Error-Mode=any >&2 || exit 1
[ -n "$r" ] || echo "r $(apt-cache policy r-base-core | sed -n 's/^ *Candidate: //p')"
apt-cache pkgnames r- | grep -E '^r-(cran|bioc|other)-' | sed 's/^/has /'
exit 0
)sh";
}

Result<Base> read_base(std::string_view answers) {
  Base base;
  bool apt = false;
  while (!answers.empty()) {
    const std::string_view line = take_line(answers);
    std::string value;
    if (starts(line, "codename", value)) base.codename = value;
    if (starts(line, "r", value)) base.r_version = value;
    if (starts(line, "apt", value)) apt = true;
    if (starts(line, "own", value)) base.own_r = true;
    if (starts(line, "has", value) && is_system_package_name(value)) base.available.insert(value);
  }
  if (!apt) {
    return Error{Errc::kInvalidArgument,
                 "the base has no apt: it must be an image of Debian or Ubuntu, such as "
                 "debian:trixie-slim, rocker/r2u:noble or rocker/r-ver:latest"};
  }
  if (!is_system_package_name(base.codename)) base.codename = "none";
  constexpr std::size_t kMostOfVersion = 40;
  if (base.r_version.size() > kMostOfVersion ||
      base.r_version.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz.+~:-") !=
          std::string::npos) {
    base.r_version.clear();
  }
  if (base.r_version.empty()) {
    return Error{Errc::kInvalidArgument,
                 "the base has no R, and its distribution has no package r-base-core"};
  }
  return base;
}

Sources sources_of(const Group& group, const Base& base) {
  Sources sources;
  sources.apt = group.system;
  for (const std::string& name : group.packages) {
    if (std::find(kBasePackages.begin(), kBasePackages.end(), name) != kBasePackages.end()) {
      continue;
    }
    const std::string plain = lower(name);
    std::string from;
    for (const char* kind : {"r-cran-", "r-bioc-", "r-other-"}) {
      if (from.empty() && base.available.contains(kind + plain)) from = kind + plain;
    }
    if (base.own_r || from.empty()) {
      sources.cran.push_back(name);
    } else {
      sources.apt.push_back(from);
    }
  }
  return sources;
}

std::string dockerfile(const Wanted& wanted, const Base& base) {
  std::vector<std::string> first = kFonts;
  if (!base.own_r) first.insert(first.begin(), kR.begin(), kR.end());
  std::string text = "# R for omcp-r-sandbox, with R " + base.r_version + ". Made by:\n#   " +
                     wanted.command +
                     "\n# Whoever changes it builds it with: docker build --tag NAME FOLDER\n"
                     "FROM " +
                     wanted.base + " AS r\nUSER root\nENV LANG=C.UTF-8\n" + install_step(first);
  std::vector<std::string> from_there;
  for (const Group& group : wanted.groups) {
    const Sources sources = sources_of(group, base);
    if (!sources.apt.empty()) text += install_step(sources.apt);
    from_there.insert(from_there.end(), sources.cran.begin(), sources.cran.end());
  }
  if (wanted.compiler) text += install_step({base.own_r ? "build-essential" : "r-base-dev"});
  if (wanted.renv || !from_there.empty()) text += from_cran(wanted, base, from_there);
  if (wanted.prepare) {
    text += "\nCOPY prepare.R /tmp/prepare.R\nRUN Rscript /tmp/prepare.R && rm /tmp/prepare.R\n";
  }
  return text + ending(wanted) + "LABEL omcp-r.image=\"" + wanted.title + "\"\n";
}

std::string r_vector(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "\"" : ", \"") + word + "\"";
  return "c(" + text + ")";
}

bool is_system_package_name(std::string_view name) {
  const auto fits = [](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '.' || c == '+' || c == '-';
  };
  return !name.empty() && name.size() <= 200 &&
         std::isalnum(static_cast<unsigned char>(name.front())) != 0 &&
         std::all_of(name.begin(), name.end(), fits);
}

}  // namespace omcp_r::commands
