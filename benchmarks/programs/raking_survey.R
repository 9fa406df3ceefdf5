# Rake with R's survey package: <folder> <rake|rake_default|calibrate> <repeats>; seconds from rows in memory to weights
suppressMessages(library(survey))
given <- commandArgs(trailingOnly = TRUE)
folder <- given[1]; kind <- given[2]; repeats <- as.integer(given[3])
rows <- read.csv(file.path(folder, "rows.csv"), stringsAsFactors = TRUE, encoding = "UTF-8")
wanted <- read.csv(file.path(folder, "margins.csv"), encoding = "UTF-8")
names <- unique(wanted$variable)
margins <- lapply(names, function(v) {
  m <- wanted[wanted$variable == v, c("category", "total")]
  names(m) <- c(v, "Freq")
  m[[v]] <- factor(m[[v]], levels = levels(rows[[v]]))
  m[order(m[[v]]), ]
})
formulas <- lapply(names, function(v) as.formula(paste0("~", v)))

seconds <- Inf
for (i in seq_len(repeats)) {
  spent <- system.time({
    design <- svydesign(ids = ~1, weights = ~1, data = rows)
    done <- switch(kind,
      rake = rake(design, formulas, margins, control = list(maxit = 500, epsilon = 1e-13)),
      rake_default = rake(design, formulas, margins),
      calibrate = calibrate(design, formulas, margins, calfun = "raking", epsilon = 1e-12, maxit = 100)
    )
    w <- weights(done, "sampling")
  })[["elapsed"]]
  seconds <- min(seconds, spent)
}
writeBin(as.double(w), file.path(folder, paste0("survey_", kind, ".f64")))
cat(sprintf('{"seconds": %.4f, "version": "%s"}\n', seconds, packageVersion("survey")))
