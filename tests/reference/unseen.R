# Reference values for what weighting cannot fix (R 4, packages mvtnorm and survey).
# Rscript tests/reference/unseen.R; the printed values stand in tests/methods/test_{proxy,robustness,follow_up}.py.
library(mvtnorm)
options(digits = 10)

# 1. polyserial correlation, cut-points held at those of the shares: likelihood written with pnorm, maximised by optimize
x <- c(-1.5, -0.6, 0, 0.4, 0.9, 2.1)
counts <- rbind(c(20, 12, 3), c(15, 18, 9), c(11, 20, 14), c(9, 21, 22), c(6, 17, 30), c(2, 9, 28))
polyserial <- function(x, counts) {
  mass <- rowSums(counts)
  m <- sum(mass * x) / sum(mass)
  z <- (x - m) / sqrt(sum(mass * (x - m)^2) / sum(mass))
  cuts <- c(-Inf, qnorm(head(cumsum(colSums(counts)), -1) / sum(counts)), Inf)
  loglik <- function(rho) {
    total <- 0
    for (i in seq_along(z)) for (k in seq_len(ncol(counts)))
      total <- total + counts[i, k] * log(pnorm((cuts[k + 1] - rho * z[i]) / sqrt(1 - rho^2)) -
                                          pnorm((cuts[k] - rho * z[i]) / sqrt(1 - rho^2)))
    total
  }
  optimize(loglik, c(-0.99, 0.99), maximum = TRUE, tol = 1e-10)$maximum
}
cat("polyserial", polyserial(x, counts), "\n")
cat("biserial", polyserial(x, cbind(counts[, 1] + counts[, 2], counts[, 3])), "\n")

# 2. benchmarks of the robustness value, as senseweight computes them, on weights of survey::calibrate
suppressMessages(library(survey))
cells <- expand.grid(country = c("AT", "DE", "JP"), segment = c("a", "b"), use = c("low", "high"), nps = c(3, 8, 10))
cells$n <- c(12, 20, 31, 9, 14, 22, 17, 25, 12, 8, 30, 11, 21, 33, 25, 14, 18, 16, 27, 31, 9, 16, 44, 13,
             35, 41, 12, 28, 22, 8, 44, 52, 7, 31, 70, 9)
rows <- cells[rep(seq_len(nrow(cells)), cells$n), ]
y <- c("3" = -100, "8" = 0, "10" = 100)[as.character(rows$nps)]
design <- svydesign(ids = ~1, weights = ~1, data = rows)
totals <- list(country = c(AT = 1500, DE = 3000, JP = 2500), segment = c(a = 4500, b = 2500), use = c(low = 4200, high = 2800))
weigh <- function(vars) {
  margins <- lapply(vars, function(v) {
    m <- data.frame(names(totals[[v]]), as.numeric(totals[[v]])); names(m) <- c(v, "Freq"); m })
  raked <- rake(design, lapply(vars, function(v) as.formula(paste0("~", v))), margins,
                control = list(maxit = 500, epsilon = 1e-11))
  w <- weights(raked); w / mean(w)
}
all <- c("country", "segment", "use")
w <- weigh(all)
estimate <- sum(w * y) / sum(w); target <- estimate - 5
a <- (estimate - target)^2 / (var(y) * var(w))
rv <- (sqrt(a^2 + 4 * a) - a) / 2
cat("estimate", estimate, "var(w)", var(w), "RV", rv, "\n")
for (v in all) {
  eps <- weigh(setdiff(all, v)) - w
  R2 <- var(eps) / var(w); R2 <- R2 / (1 + R2); rho <- cor(y, eps)
  bias <- rho * sqrt(var(w) * R2 / (1 - R2)) * sqrt(var(y))
  cat(v, R2, rho, bias, (estimate - target) / bias, rv / R2, sqrt(rv) / rho, "\n")
}

# 3. two-phase sample: everyone invited, all who answered, and a random part of the others
set.seed(1)
N <- 5000
first <- c(rep(100, 500), rep(0, 300), rep(-100, 200))
later <- c(rep(100, 60), rep(0, 70), rep(-100, 70))
d <- data.frame(id = 1:N, y = c(first, later, rep(0, N - 1200)), answered = rep(c(TRUE, FALSE), c(1000, 4000)),
                inside = rep(c(TRUE, FALSE), c(1200, N - 1200)))
two <- twophase(id = list(~id, ~id), strata = list(NULL, ~answered), subset = ~inside, data = d, method = "approx")
print(svymean(~y, two), digits = 10)
cat("two-phase SE", SE(svymean(~y, two)), "\n")
