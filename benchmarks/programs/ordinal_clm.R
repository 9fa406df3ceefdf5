# The same model by ordinal::clm, on the rows or on counts; only clm() itself is timed.
suppressMessages(library(ordinal))
arguments <- commandArgs(trailingOnly = TRUE)
data <- read.csv(paste0(arguments[1], ".csv"), stringsAsFactors = TRUE)
data$nps <- factor(data$nps, ordered = TRUE)
data$n <- 1
if (arguments[2] == "counts") {
  data <- aggregate(n ~ country + nps, data, sum)
}
once <- function() system.time(fit <<- if (arguments[2] == "counts") {
  clm(nps ~ country, scale = ~ country, weights = n, data = data, link = "probit")
} else {
  clm(nps ~ country, scale = ~ country, data = data, link = "probit")
})
runs <- sapply(seq_len(as.integer(arguments[3])), function(i) {
  took <- once()
  c(took[["elapsed"]], took[["user.self"]] + took[["sys.self"]])
})
best <- runs[, which.min(runs[1, ])]
cat(sprintf('{"seconds": %.6f, "processor": %.6f, "log_likelihood": %.9f, "iterations": %d, "estimates": [%s]}\n',
            best[1], best[2], as.numeric(logLik(fit)), fit$niter[[1]], paste(sprintf("%.9f", coef(fit)), collapse = ", ")))
